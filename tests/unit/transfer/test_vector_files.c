/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/transfer: files of vectors: each kind in pieces of any size, what is damaged, and imports of them.
 */
#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"
#include "support/test_random.h"

static firn_error err;

enum { SIZE_MOST = 1 << 16, VECTORS_MOST = 64, DIMENSIONS_MOST = 8 };

/* A file, and what was read of it. */
struct file {
    uint8_t bytes[SIZE_MOST];
    size_t size;
    size_t at;
    size_t piece; /* 0: pieces of random sizes */
    struct test_random random;
    float read[VECTORS_MOST][DIMENSIONS_MOST];
    size_t count;
    size_t dimensions;
    uint64_t stops_at;
};

static void
add(struct file *file, const void *bytes, size_t size)
{
    assert_true(size <= SIZE_MOST - file->size);
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

static void
add_u32(struct file *file, uint32_t number)
{
    const uint8_t bytes[] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
                             (uint8_t)(number >> 24)};
    add(file, bytes, sizeof bytes);
}

static void
add_npy(struct file *file, unsigned version, const char *dictionary)
{
    const size_t size = strlen(dictionary) + 1;
    const uint8_t head[] = {0x93, 'N', 'U', 'M', 'P', 'Y', (uint8_t)version, 0};
    const uint8_t small[] = {(uint8_t)size, (uint8_t)(size >> 8)};
    add(file, head, sizeof head);
    if (version == 1) {
        add(file, small, sizeof small);
    } else {
        add_u32(file, (uint32_t)size);
    }
    add(file, dictionary, size - 1);
    add(file, "\n", 1);
}

static int
read_file(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *error)
{
    struct file *file = ctx;
    size_t size = file->size - file->at;
    size_t piece = file->piece != 0 ? file->piece : 1 + test_random_below(&file->random, 9);
    (void)error;
    size = size < piece ? size : piece;
    size = size < capacity ? size : capacity;
    memcpy(buffer, file->bytes + file->at, size);
    file->at += size;
    *out_size = size;
    return FIRN_OK;
}

static int
take(void *ctx, uint64_t number, const float *vector, size_t dimensions)
{
    struct file *file = ctx;
    assert_int_equal(number, file->count + 1);
    assert_true(file->count < VECTORS_MOST && dimensions <= DIMENSIONS_MOST);
    memcpy(file->read[file->count++], vector, dimensions * sizeof *vector);
    file->dimensions = dimensions;
    return number == file->stops_at ? FIRN_CANCELLED : FIRN_OK;
}

static int
read_all(struct file *file, firn_vectors_kind kind, size_t dimensions)
{
    static const size_t pieces[] = {0, 1, 7, SIZE_MOST};
    int rc = -1000;
    for (size_t i = 0; i < 4; i++) {
        file->at = 0;
        file->count = 0;
        file->dimensions = 0;
        file->piece = pieces[i];
        int again = firn_vectors_read(read_file, file, kind, dimensions, take, file, &err);
        assert_true(rc == -1000 || again == rc);
        rc = again;
    }
    return rc;
}

static struct file *
begin(void)
{
    struct file *file = calloc(1, sizeof *file);
    assert_non_null(file);
    file->random.state = 5;
    return file;
}

static void
vectors_of_each_kind_are_read(void **state)
{
    static const float expected[2][3] = {{1, 0, 200}, {255, 7, 3}};
    struct file *file = begin();
    for (unsigned kind = FIRN_VECTORS_FVECS; kind <= FIRN_VECTORS_F32; kind++) {
        file->size = 0;
        if (kind == FIRN_VECTORS_NPY) {
            add_npy(file, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
        }
        for (size_t i = 0; i < 2; i++) {
            if (kind <= FIRN_VECTORS_IVECS) {
                add_u32(file, 3);
            }
            for (size_t k = 0; k < 3; k++) {
                if (kind == FIRN_VECTORS_BVECS) {
                    add(file, &(uint8_t){(uint8_t)expected[i][k]}, 1);
                } else if (kind == FIRN_VECTORS_IVECS) {
                    add_u32(file, (uint32_t)expected[i][k]);
                } else {
                    add(file, &expected[i][k], 4);
                }
            }
        }
        OK(read_all(file, (firn_vectors_kind)kind, kind == FIRN_VECTORS_F32 ? 3 : 0));
        assert_int_equal(file->count, 2);
        assert_int_equal(file->dimensions, 3);
        for (size_t i = 0; i < 2; i++) {
            assert_memory_equal(file->read[i], expected[i], sizeof expected[i]);
        }
        OK(read_all(file, (firn_vectors_kind)kind, 3));
        assert_int_equal(read_all(file, (firn_vectors_kind)kind, 4), FIRN_INVALID);
        file->stops_at = 1;
        assert_int_equal(read_all(file, (firn_vectors_kind)kind, 3), FIRN_CANCELLED);
        assert_int_equal(file->count, 1);
        file->stops_at = 0;
        /* Cut anywhere but between vectors, and after a header. */
        const size_t size = file->size;
        unsigned good = 0;
        for (file->size = 0; file->size < size; file->size++) {
            int rc = read_all(file, (firn_vectors_kind)kind, 3);
            assert_true(rc == FIRN_OK || rc == FIRN_INVALID);
            good += rc == FIRN_OK ? 1 : 0;
        }
        assert_int_equal(good, kind == FIRN_VECTORS_NPY ? 0 : 2);
    }
    free(file);
}

static void
arrays_of_numpy_of_each_type_are_read(void **state)
{
    struct file *file = begin();
    const double wide[2] = {0.1, -1e300};
    const int16_t middle[2] = {-32768, 32767};
    const uint16_t half[6] = {0x3c00, 0xc000, 0x0001, 0x7bff, 0x7c00, 0x8000};
    const int8_t small[2] = {-128, 127};
    add_npy(file, 2, "{'shape': (1, 2), 'fortran_order': True, \"descr\": '<f8'}");
    add(file, wide, sizeof wide);
    OK(read_all(file, FIRN_VECTORS_NPY, 0));
    assert_true(file->read[0][0] == 0.1F && isinf(file->read[0][1]));
    file->size = 0;
    add_npy(file, 3, "{ 'descr' : '<i2' , 'fortran_order' : False , 'shape' : ( 2 , ) }   ");
    add(file, middle, sizeof middle);
    OK(read_all(file, FIRN_VECTORS_NPY, 2));
    assert_true(file->read[0][0] == -32768 && file->read[0][1] == 32767);
    file->size = 0;
    add_npy(file, 1, "{'descr': '<f2', 'fortran_order': False, 'shape': (1, 6)}");
    add(file, half, sizeof half);
    OK(read_all(file, FIRN_VECTORS_NPY, 0));
    assert_true(file->read[0][0] == 1 && file->read[0][1] == -2 && file->read[0][2] == 0x1p-24F &&
                file->read[0][3] == 65504 && isinf(file->read[0][4]) && file->read[0][5] == 0 &&
                signbit(file->read[0][5]));
    file->size = 0;
    add_npy(file, 1, "{'descr': '|i1', 'fortran_order': False, 'shape': (2, 1)}");
    add(file, small, sizeof small);
    OK(read_all(file, FIRN_VECTORS_NPY, 1));
    assert_true(file->count == 2 && file->read[0][0] == -128 && file->read[1][0] == 127);
    file->size = 0;
    add_npy(file, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 3)}");
    OK(read_all(file, FIRN_VECTORS_NPY, 0));
    assert_int_equal(file->count, 0);
    free(file);
}

/* Two vectors of three numbers as each type has them, after a header of each version. */
static void
each_type_is_read_after_each_version_of_the_header(void **state)
{
    const struct {
        const char *name;
        const void *bytes;
        size_t size;
    } types[] = {
        {"<f4", (const float[]){1, 2, -3, 4, 5, 100}, 24},
        {"<f8", (const double[]){1, 2, -3, 4, 5, 100}, 48},
        {"<f2", (const uint16_t[]){0x3c00, 0x4000, 0xc200, 0x4400, 0x4500, 0x5640}, 12},
        {"|i1", (const int8_t[]){1, 2, -3, 4, 5, 100}, 6},
        {"<i2", (const int16_t[]){1, 2, -3, 4, 5, 100}, 12},
        {"<i4", (const int32_t[]){1, 2, -3, 4, 5, 100}, 24},
        {"|u1", (const uint8_t[]){1, 2, 253, 4, 5, 100}, 6},
    };
    static const float wanted[2][3] = {{1, 2, -3}, {4, 5, 100}};
    struct file *file = begin();
    for (unsigned version = 1; version <= 3; version++) {
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
            char dictionary[200];
            const bool has_sign = types[i].name[1] != 'u';
            (void)snprintf(dictionary, sizeof dictionary,
                           "{'descr': '%s', 'fortran_order': False, 'shape': (2, 3), }%*s",
                           types[i].name, 17, "");
            file->size = 0;
            add_npy(file, version, dictionary);
            const size_t header = file->size;
            add(file, types[i].bytes, types[i].size);
            OK(read_all(file, FIRN_VECTORS_NPY, 3));
            assert_int_equal(file->count, 2);
            for (size_t k = 0; k < 6; k++) {
                const float number = k == 2 && !has_sign ? 253 : wanted[k / 3][k % 3];
                assert_true(file->read[k / 3][k % 3] == number);
            }
            /* Cut anywhere. */
            const size_t size = file->size;
            for (file->size = 0; file->size < size; file->size++) {
                assert_int_equal(read_all(file, FIRN_VECTORS_NPY, 3), FIRN_INVALID);
                assert_int_equal(file->count, file->size < header + types[i].size / 2 ? 0 : 1);
            }
        }
    }
    /* In Fortran's order all first numbers come first: only of one vector, or of vectors of one number, these are the same. */
    file->size = 0;
    add_npy(file, 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 3)}");
    add(file, types[0].bytes, 12);
    OK(read_all(file, FIRN_VECTORS_NPY, 3));
    assert_memory_equal(file->read[0], wanted[0], sizeof wanted[0]);
    file->size = 0;
    add_npy(file, 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}");
    add(file, types[0].bytes, 24);
    assert_int_equal(read_all(file, FIRN_VECTORS_NPY, 3), FIRN_UNSUPPORTED);
    assert_non_null(strstr(err.text, "ascontiguousarray"));
    free(file);
}

static void
what_is_damaged_is_refused(void **state)
{
    static const struct {
        const char *dictionary;
        int code;
    } cases[] = {
        {"", FIRN_INVALID},
        {"{", FIRN_INVALID},
        {"{}", FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False}", FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)", FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x", FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': Maybe, 'shape': (2, 3)}", FIRN_INVALID},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3)}", FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3)}", FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 99999999999999999999)}",
         FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 0)}", FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 3)}",
         FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6148914691236517206, 3)}",
         FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}", FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 18446744073709551617)}",
         FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 65536)}", FIRN_INVALID},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}", FIRN_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4)}", FIRN_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", FIRN_UNSUPPORTED},
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3)}", FIRN_UNSUPPORTED},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2, 3)}", FIRN_UNSUPPORTED},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}", FIRN_INVALID},
    };
    struct file *file = begin();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const uint8_t zeros[24];
        file->size = 0;
        add_npy(file, 1, cases[i].dictionary);
        add(file, zeros, sizeof zeros);
        int rc = read_all(file, FIRN_VECTORS_NPY, 0);
        if (rc != cases[i].code) {
            fail_msg("%s: %d", cases[i].dictionary, rc);
        }
        assert_true(strlen(err.text) > 0);
    }
    file->size = 0;
    add_npy(file, 4, "{}");
    assert_int_equal(read_all(file, FIRN_VECTORS_NPY, 0), FIRN_UNSUPPORTED);
    file->size = 0;
    add_npy(file, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1)}");
    add(file, "ab", 2);
    assert_int_equal(read_all(file, FIRN_VECTORS_NPY, 0), FIRN_INVALID);
    file->size = 0;
    add(file, "\x93NUMPY\x02\0\xff\xff\xff\xff", 12);
    assert_int_equal(read_all(file, FIRN_VECTORS_NPY, 0), FIRN_INVALID);
    file->size = 0;
    add(file, "hello, world", 12);
    assert_int_equal(read_all(file, FIRN_VECTORS_NPY, 0), FIRN_INVALID);
    /* Lengths. */
    static const uint32_t lengths[] = {0, 65536, 0x80000000, 0xffffffff};
    for (size_t i = 0; i < 4; i++) {
        file->size = 0;
        add_u32(file, lengths[i]);
        assert_int_equal(read_all(file, FIRN_VECTORS_FVECS, 0), FIRN_INVALID);
    }
    file->size = 0;
    add(file, "\1\0\0\0a\2\0\0\0bc", 11);
    assert_int_equal(read_all(file, FIRN_VECTORS_BVECS, 0), FIRN_INVALID);
    assert_int_equal(file->count, 1);
    assert_non_null(strstr(err.text, "vector 2"));
    /* A number that no f32 is. */
    file->size = 0;
    add_u32(file, 1);
    add_u32(file, 16777217);
    assert_int_equal(read_all(file, FIRN_VECTORS_IVECS, 0), FIRN_INVALID);
    assert_int_equal(read_all(file, FIRN_VECTORS_F32, 0), FIRN_INVALID);
    assert_int_equal(read_all(file, (firn_vectors_kind)6, 0), FIRN_INVALID);
    free(file);
}

/* ---- imports ---- */

static firn_table *
make(firn_store *store, const char *name, const char *definition)
{
    firn_table_def *def;
    firn_table *table;
    OK(firn_table_def_parse(definition, &def, &err));
    OK(firn_table_create(store, name, def, &table, &err));
    firn_release(def);
    return table;
}

static int
import(struct file *file, firn_table *table, const char *column, int64_t first, uint64_t rows)
{
    firn_vectors_import_options options = FIRN_VECTORS_IMPORT_OPTIONS_INIT;
    firn_import_statistics statistics = FIRN_IMPORT_STATISTICS_INIT;
    options.kind = FIRN_VECTORS_BVECS;
    options.column = column;
    options.first = first;
    file->at = 0;
    int rc = firn_table_import_vectors(table, read_file, file, &options, &statistics, &err);
    if (rc == FIRN_OK) {
        assert_int_equal(statistics.rows, rows);
        assert_int_equal(statistics.bytes, file->size);
    }
    return rc;
}

static uint64_t
count(firn_table *table)
{
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_scan *scan;
    const firn_scan_batch *batch;
    options.select = "count(*)";
    OK(firn_scan_open(table, &options, &scan, &err));
    OK(firn_scan_next(scan, &batch, &err));
    int64_t number = firn_scan_value(batch, 0, 0).as.i64;
    firn_scan_close(scan);
    return (uint64_t)number;
}

static void
files_become_rows(void **state)
{
    firn_store *store;
    firn_row *row;
    struct file *file = begin();
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    OK(firn_row_create(&row, &err));
    add(file, "\2\0\0\0ab\2\0\0\0cd\2\0\0\0ef", 18);
    firn_table *numbered =
        make(store, "numbered", "id i64 auto primary key, v vector(2), kind text default 'x'");
    OK(import(file, numbered, NULL, 0, 3));
    OK(firn_table_get(numbered, NULL, (const firn_value[]){firn_i64(3)}, 1, row, &err));
    float vector[2];
    memcpy(vector, firn_row_values(row)[1].as.bytes.data, sizeof vector);
    assert_true(vector[0] == 'e' && vector[1] == 'f');
    assert_int_equal(firn_row_values(row)[2].as.bytes.size, 1);
    firn_table *plain = make(store, "plain", "v vector(2), w vector(2), id u8 primary key");
    assert_int_equal(import(file, plain, NULL, 0, 3), FIRN_INVALID);
    OK(import(file, plain, "w", 253, 3));
    OK(firn_table_get(plain, NULL, (const firn_value[]){firn_u64(255)}, 1, row, &err));
    assert_true(firn_is_null(firn_row_values(row)[0]));
    assert_int_equal(import(file, plain, "w", 253, 3), FIRN_EXISTS);
    assert_int_equal(import(file, plain, "w", 10, 3), FIRN_OK);
    assert_int_equal(import(file, plain, "w", 252, 3), FIRN_EXISTS);
    assert_int_equal(import(file, plain, "w", -1, 3), FIRN_LIMIT);
    assert_non_null(strstr(err.text, "vector 1"));
    assert_int_equal(import(file, plain, "id", 0, 3), FIRN_INVALID);
    assert_int_equal(import(file, plain, "x", 0, 3), FIRN_NOT_FOUND);
    assert_int_equal(count(plain), 6);
    firn_table *longer = make(store, "longer", "id i64 primary key, v vector(3)");
    assert_int_equal(import(file, longer, NULL, 0, 3), FIRN_INVALID);
    assert_int_equal(import(file, longer, NULL, INT64_MAX, 3), FIRN_INVALID);
    firn_table *texts = make(store, "texts", "id text primary key, v vector(2)");
    assert_int_equal(import(file, texts, NULL, 0, 3), FIRN_INVALID);
    firn_table *edge = make(store, "edge", "id i64 primary key, v vector(2)");
    assert_int_equal(import(file, edge, NULL, INT64_MAX - 1, 3), FIRN_LIMIT);
    /* All or none, where a later vector is no row. */
    file->size = 0;
    add_u32(file, 2);
    add_u32(file, 0x3f800000);
    add_u32(file, 0x3f800000);
    add_u32(file, 2);
    add_u32(file, 0x7fc00000);
    add_u32(file, 0);
    firn_vectors_import_options options = FIRN_VECTORS_IMPORT_OPTIONS_INIT;
    file->at = 0;
    assert_int_equal(firn_table_import_vectors(edge, read_file, file, &options, NULL, &err),
                     FIRN_INVALID);
    assert_non_null(strstr(err.text, "vector 2"));
    assert_int_equal(count(edge), 0);
    assert_int_equal(count(longer), 0);
    firn_row_destroy(row);
    OK(firn_store_close(store, &err));
    free(file);
}

static void
without_memory_an_import_fails_and_leaks_nothing(void **state)
{
    firn_store *store;
    struct file *file = begin();
    test_alloc_install();
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    firn_table *table = make(store, "t", "id i64 auto primary key, v vector(2)");
    add(file, "\2\0\0\0ab\2\0\0\0cd\2\0\0\0ef", 18);
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        const uint64_t before = count(table);
        test_fault_allocation(&fault);
        int rc = import(file, table, NULL, 0, 3);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        assert_int_equal(count(table), before + (rc == FIRN_OK ? 3 : 0));
    }
    OK(firn_store_close(store, &err));
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    free(file);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_each_kind_are_read),
        cmocka_unit_test(arrays_of_numpy_of_each_type_are_read),
        cmocka_unit_test(each_type_is_read_after_each_version_of_the_header),
        cmocka_unit_test(what_is_damaged_is_refused),
        cmocka_unit_test(files_become_rows),
        cmocka_unit_test(without_memory_an_import_fails_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
