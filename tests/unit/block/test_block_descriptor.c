/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: the descriptors of many files within a budget, read by one thread and by several at once.
 */
#include "block/block_descriptor.h"

#include <pthread.h>
#include <stdatomic.h>

#include "support/test.h"
#include "support/test_file.h"
#include "support/test_os.h"
#include "support/test_random.h"

enum { FILES = 12, OPEN_MAX = 3, THREADS = 4, READS = 2000 };

struct scene {
    struct fi_os_dir *dir;
    struct fi_block_descriptors all;
    struct fi_block_descriptor *descriptors[FILES];
    atomic_uint failures; /* cmocka's asserts belong to the main thread */
};

static void
name_of(unsigned i, char out[16])
{
    (void)snprintf(out, 16, "file%u", i);
}

static void
scene_init(struct scene *scene)
{
    firn_error err;
    scene->dir = test_os_temp_dir();
    fi_block_descriptor_init_all(&scene->all, fi_os_dir_os(scene->dir), OPEN_MAX);
    atomic_init(&scene->failures, 0);
    for (unsigned i = 0; i < FILES; i++) {
        char name[16];
        struct fi_os_stat stat;
        name_of(i, name);
        test_file_write(scene->dir, name, name, sizeof name);
        assert_int_equal(fi_block_descriptor_open(&scene->all, scene->dir, name, &stat,
                                                  &scene->descriptors[i], &err),
                         FIRN_OK);
        assert_int_equal(stat.size_bytes, sizeof name);
        assert_non_null(strstr(fi_block_descriptor_path(scene->descriptors[i]), name));
    }
}

static void
scene_deinit(struct scene *scene)
{
    for (unsigned i = 0; i < FILES; i++) {
        fi_block_descriptor_close(scene->descriptors[i]);
    }
    fi_block_descriptor_deinit_all(&scene->all);
    test_os_temp_dir_remove(scene->dir);
}

/* Whether file i has what was written. */
static bool
is_right(struct scene *scene, unsigned i)
{
    firn_error err;
    char name[16] = "";
    char found[16];
    name_of(i, name);
    return fi_block_descriptor_read(scene->descriptors[i], 0, found, sizeof found, &err) ==
               FIRN_OK &&
           strcmp(found, name) == 0;
}

static void
no_more_are_open_than_the_budget(void **state)
{
    struct scene scene;
    scene_init(&scene);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < FILES; i++) {
            assert_int_equal(scene.all.open_count, OPEN_MAX);
            assert_true(is_right(&scene, i));
        }
    }
    scene_deinit(&scene);
}

static void
one_that_is_used_again_and_again_stays_open(void **state)
{
    struct scene scene;
    scene_init(&scene);
    assert_true(is_right(&scene, 0));
    char name[16];
    name_of(0, name);
    assert_int_equal(fi_os_remove_file(scene.dir, name, NULL), FIRN_OK);
    for (unsigned i = 1; i < FILES; i++) {
        assert_true(is_right(&scene, i));
        assert_true(is_right(&scene, 0));
    }
    scene_deinit(&scene);
}

static void
a_file_that_is_missing_fails_and_can_be_read_later(void **state)
{
    firn_error err;
    struct scene scene;
    uint8_t byte;
    scene_init(&scene); /* file 0 is not open any more */
    assert_int_equal(
        fi_os_rename(scene.dir, "file0", scene.dir, "other", FI_OS_RENAME_NO_REPLACE, &err),
        FIRN_OK);
    assert_int_equal(fi_block_descriptor_read(scene.descriptors[0], 0, &byte, 1, &err),
                     FIRN_NOT_FOUND);
    assert_non_null(strstr(err.text, "file0"));
    assert_int_equal(
        fi_os_rename(scene.dir, "other", scene.dir, "file0", FI_OS_RENAME_NO_REPLACE, &err),
        FIRN_OK);
    assert_true(is_right(&scene, 0));
    scene_deinit(&scene);
}

struct reader {
    struct scene *scene;
    struct test_random random;
    pthread_t thread;
};

static void *
read_many(void *arg)
{
    struct reader *reader = arg;
    for (unsigned i = 0; i < READS; i++) {
        /* Half of the reads go to two files, which several threads read at once. */
        unsigned range = test_random_below(&reader->random, 2) == 0 ? 2 : FILES;
        if (!is_right(reader->scene, (unsigned)test_random_below(&reader->random, range))) {
            atomic_fetch_add(&reader->scene->failures, 1);
        }
    }
    return NULL;
}

static void
threads_read_the_same_files(void **state)
{
    struct scene scene;
    struct reader readers[THREADS];
    scene_init(&scene);
    for (unsigned i = 0; i < THREADS; i++) {
        readers[i].scene = &scene;
        test_random_init(&readers[i].random, __func__, i + 1);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_many, &readers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
    }
    assert_int_equal(scene.failures, 0);
    /* As many more as threads read at once; the next ones that are opened make up for it. */
    assert_true(scene.all.open_count <= OPEN_MAX + THREADS);
    for (unsigned i = 0; i < FILES; i++) {
        assert_true(is_right(&scene, i));
    }
    assert_int_equal(scene.all.open_count, OPEN_MAX);
    scene_deinit(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_are_open_than_the_budget),
        cmocka_unit_test(one_that_is_used_again_and_again_stays_open),
        cmocka_unit_test(a_file_that_is_missing_fails_and_can_be_read_later),
        cmocka_unit_test(threads_read_the_same_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
