/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/replay_main.c: runs a fuzz target over files instead of under a fuzzer: every file of the
 * folders given.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "could not open %s\n", path);
        return 1;
    }
    struct stat status;
    size_t size = fstat(fileno(file), &status) == 0 ? (size_t)status.st_size : 0;
    /* Exactly as large as the input, so that a sanitizer sees a read past its end. */
    uint8_t *data = malloc(size == 0 ? 1 : size);
    int failed = data == NULL || fread(data, 1, size, file) != size;
    if (!failed) {
        (void)LLVMFuzzerTestOneInput(data, size);
    }
    free(data);
    (void)fclose(file);
    return failed;
}

static int
run_folder(const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL) {
        (void)fprintf(stderr, "could not open %s\n", path);
        return 1;
    }
    int failed = 0;
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        char file[4096];
        (void)snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        failed |= run_file(file);
        count++;
    }
    (void)closedir(folder);
    (void)printf("%s: %u inputs\n", path, count);
    return failed || count == 0;
}

int
main(int argc, char **argv)
{
    int failed = argc < 2;
    for (int i = 1; i < argc; i++) {
        failed |= run_folder(argv[i]);
    }
    return failed;
}
