/*
 * main.c - runs a fuzz target over files, where libFuzzer is not linked in
 *
 * Arguments are files or folders; each file's bytes are given once to
 * LLVMFuzzerTestOneInput() in a block of its exact size, so that a sanitizer
 * sees the first byte read beyond it.
 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long ran;

static int
run_file(const char *path, size_t size)
{
	uint8_t *data = malloc(size ? size : 1);
	FILE *f = fopen(path, "rb");
	size_t n = 0;

	if (f != NULL && data != NULL)
		n = fread(data, 1, size, f);
	if (f == NULL || data == NULL || n != size) {
		fprintf(stderr, "%s: cannot read\n", path);
		free(data);
		if (f != NULL)
			fclose(f);
		return 1;
	}
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	ran++;
	return 0;
}

static int run(const char *path);

static int
run_folder(const char *path)
{
	char name[PATH_MAX];
	struct dirent *e;
	int bad = 0;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return 1;
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		bad |= run(name);
	}
	closedir(dir);
	return bad;
}

static int
run(const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		fprintf(stderr, "%s: not there\n", path);
		return 1;
	}
	if (S_ISDIR(st.st_mode))
		return run_folder(path);
	return run_file(path, (size_t)st.st_size);
}

int
main(int argc, char **argv)
{
	int i, bad = 0;

	for (i = 1; i < argc; i++)
		bad |= run(argv[i]);
	printf("%lu inputs\n", ran);
	return bad || ran == 0;
}
