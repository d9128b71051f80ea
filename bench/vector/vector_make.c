/* SPDX-License-Identifier: Apache-2.0
 *
 * vector_make.c: synthetic embeddings: vectors around centres, as those of texts lie. The same numbers in each run.
 *
 *     bench_vector_make DIRECTORY VECTORS QUERIES DIMENSIONS
 *
 * Writes base.fvecs and query.fvecs. There is a centre for each 250 vectors; its numbers are normally distributed, those of
 * a vector around it are, too, with a deviation of 0.6. Some dimensions are wider than others, as those of real embeddings.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 42;

/* splitmix64 */
static uint64_t
next(void)
{
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double
normal(void)
{
    double sum = 0;
    for (int i = 0; i < 12; i++) {
        sum += (double)(next() >> 11) / 0x1p53;
    }
    return sum - 6;
}

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

static void
write_file(const char *directory, const char *name, const float *centres, size_t centre_count,
           size_t count, size_t dimensions)
{
    char path[4096];
    float *vector = malloc(dimensions * sizeof *vector);
    const int32_t length = (int32_t)dimensions;
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || vector == NULL) {
        die(path);
    }
    for (size_t i = 0; i < count; i++) {
        const float *centre = centres + next() % centre_count * dimensions;
        for (size_t k = 0; k < dimensions; k++) {
            double width = k % 16 == 0 ? 3 : 1;
            vector[k] = (float)(width * ((double)centre[k] + 0.6 * normal()));
        }
        if (fwrite(&length, sizeof length, 1, file) != 1 ||
            fwrite(vector, sizeof *vector, dimensions, file) != dimensions) {
            die(path);
        }
    }
    if (fclose(file) != 0) {
        die(path);
    }
    free(vector);
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fprintf(stderr, "usage: bench_vector_make DIRECTORY VECTORS QUERIES DIMENSIONS\n");
        return 2;
    }
    const size_t count = (size_t)strtoull(argv[2], NULL, 10);
    const size_t queries = (size_t)strtoull(argv[3], NULL, 10);
    const size_t dimensions = (size_t)strtoull(argv[4], NULL, 10);
    const size_t centre_count = count / 250 + 1;
    float *centres = calloc(centre_count, dimensions * sizeof *centres);
    if (centres == NULL) {
        die("no memory");
    }
    for (size_t i = 0; i < centre_count * dimensions; i++) {
        centres[i] = (float)normal();
    }
    write_file(argv[1], "base.fvecs", centres, centre_count, count, dimensions);
    write_file(argv[1], "query.fvecs", centres, centre_count, queries, dimensions);
    free(centres);
    return 0;
}
