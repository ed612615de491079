import {defineConfig} from "vite";

// Hashed names, no inline code: the page's policy forbids it.
export default defineConfig({
    esbuild: {jsx: "automatic", jsxImportSource: "preact"},
    build: {
        target: "es2022",
        assetsInlineLimit: 0,
        modulePreload: {polyfill: false},
        reportCompressedSize: false,
    },
});
