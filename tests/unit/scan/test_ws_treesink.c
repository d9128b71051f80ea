/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: the sink that keeps directories in memory.
 */
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/workspace/scan_support.h"

static int
read_fallback(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    (void)hash;
    (void)err;
    fi_buf_clear(out);
    return fi_buf_append_str(out, ctx);
}

static void
a_tree_sink_keeps_directories_and_nothing_else(void **state)
{
    struct scan_world world;
    struct fi_objects_treesink *sink;
    struct fi_scan_result result;
    firn_error err;
    test_alloc_install();
    scan_world_open_memory(&world, 1);
    scan_put_text(&world, "a/b/f", "f");
    scan_put_text(&world, "a/g", "g");
    scan_put_symlink(&world, "link", "t");
    assert_int_equal(fi_objects_treesink_create(world.os, &sink, &err), FIRN_OK);
    struct fi_objects_sink as_sink = fi_objects_treesink_sink(sink);
    struct fi_scan_options options = {.threads = 1};
    assert_int_equal(fi_scan_tree(world.root, &options, &as_sink, &result, &err), FIRN_OK);

    struct fi_tree_source source = fi_objects_treesink_source(sink, NULL);
    struct fi_tree_iterator *iterator;
    const struct fi_tree_entry *entry;
    bool is_end = false;
    unsigned count = 0;
    assert_int_equal(fi_tree_iterator_create(&source, &result.root.hash, &iterator, &err), FIRN_OK);
    while (assert_int_equal(fi_tree_iterator_next(iterator, &entry, &is_end, &err), FIRN_OK),
           !is_end) {
        count++;
    }
    fi_tree_iterator_destroy(iterator);
    assert_int_equal(count, 2); /* a, link */

    struct fi_buf bytes = {0};
    firn_hash other = {{1, 2, 3}};
    assert_int_equal(source.read(source.ctx, &other, &bytes, &err), FIRN_NOT_FOUND);
    char text[] = "from below";
    struct fi_tree_source below = {.read = read_fallback, .ctx = text};
    source = fi_objects_treesink_source(sink, &below);
    assert_int_equal(source.read(source.ctx, &other, &bytes, &err), FIRN_OK);
    assert_memory_equal(bytes.data, text, bytes.size);
    assert_int_equal(source.read(source.ctx, &result.root.hash, &bytes, &err), FIRN_OK);
    assert_int_not_equal(bytes.data[0], text[0]);
    fi_buf_deinit(&bytes);
    fi_scan_result_deinit(&result);
    fi_objects_treesink_destroy(sink);
    scan_world_close(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_sink_keeps_directories_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
