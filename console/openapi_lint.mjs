/* openapi_lint.mjs FILE - every rule that Redocly recommends, as errors */
import { createConfig, lint } from "@redocly/openapi-core";

const config = await createConfig({ extends: ["recommended"] });
const problems = await lint({ ref: process.argv[2], config });

for (const p of problems)
    console.log(`${p.ruleId} ${p.location[0]?.pointer}: ${p.message}`);
process.exit(problems.length ? 1 : 0);
