/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: a scan saves just what is there: every kind of entry, every name, in memory and
 * on disk, with any number of threads. Large and sparse files are in test_ws_scan_content.c, what
 * goes wrong on the way is in test_ws_scan_faults.c.
 */
#include <unistd.h>

#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/workspace/scan_support.h"

/* Runs a test in both worlds. */
static void
in_both_worlds(void (*test)(struct scan_world *world))
{
    struct scan_world world;
    scan_world_open_memory(&world, 1);
    test(&world);
    scan_world_close(&world);
    scan_world_open_disk(&world);
    test(&world);
    scan_world_close(&world);
}

/* ---- entries ---- */

static void
put_every_kind(struct scan_world *world)
{
    scan_put_file(world, "empty", "", 0);
    scan_put_text(world, "one", "1");
    scan_put_text(world, "src/main.c", "int main(void) { return 0; }\n");
    scan_put_random(world, "src/data.bin", 7, 300000);
    scan_put_dir(world, "e/f");
    scan_put_symlink(world, "link", "src/main.c");
    scan_put_symlink(world, "src/dangling", "../nowhere");
    scan_put_symlink(world, "absolute", "/etc/passwd");
    scan_put_symlink(world, "to-dir", "src");
    scan_put_link(world, "src/again", "one");
    scan_set_mode(world, "one", 0600);
    scan_set_mode(world, "src/main.c", 04755);
    scan_set_mode(world, "e", 0700);
    scan_set_mtime(world, "empty", INT64_C(978307200000000123));
    scan_set_mtime(world, "src", INT64_C(-1000000001));
    scan_set_mtime(world, "link", INT64_C(1234567890987654321));
    scan_set_xattr(world, "src/main.c", "user.zeta", "last");
    scan_set_xattr(world, "src/main.c", "user.alpha", "");
    scan_set_xattr(world, "e", "user.dir", "d");
}

static void
check_every_kind(struct scan_world *world)
{
    put_every_kind(world);
    (void)scan_check_equal(world);
}

static void
every_kind_of_entry_is_saved_with_all_its_fields(void **state)
{
    in_both_worlds(check_every_kind);
}

static void
check_counts(struct scan_world *world)
{
    put_every_kind(world);
    scan_put_text(world, "same", "1");
    struct scan_sink sink;
    struct fi_scan_result result;
    scan_sink_init(&sink);
    scan_run(world, &sink, NULL, 2, &result);
    assert_int_equal(result.files, 10);
    assert_int_equal(result.directories, 3);
    assert_int_equal(result.bytes, 0 + 1 + 1 + 29 + 300000);
    assert_int_equal(result.new_objects, 4); /* "same" has the content of "one" */
    assert_int_equal(result.excluded + result.skipped, 0);
    struct fi_os_stat stat;
    firn_error err;
    assert_int_equal(fi_os_dir_stat(world->root, &stat, &err), FIRN_OK);
    assert_int_equal(result.root.kind, FI_TREE_DIR);
    assert_int_equal(result.root.mode, stat.mode);
    assert_int_equal(result.root.mtime_ns, stat.mtime_ns);
    fi_scan_result_deinit(&result);
    /* A second time nothing is new. */
    scan_run(world, &sink, NULL, 2, &result);
    assert_int_equal(result.new_objects, 0);
    assert_int_equal(result.files, 10);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
}

static void
files_directories_bytes_and_new_objects_are_counted(void **state)
{
    in_both_worlds(check_counts);
}

static void
check_odd_names(struct scan_world *world)
{
    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    const char *const names[] = {
        " ",    "a\nb", "tab\t",     "quote\"",  "back\\slash",      "*",     "-rf", ".hidden",
        "\xff", "\xfe", "e\xcc\x81", "\xc3\xa9", "\xf0\x9f\x98\x80", longest, "...", "a",
        "a.b",  "a-b",  "\x01",      "A"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[600];
        scan_put_text(world, names[i], names[i]);
        snprintf(path, sizeof path, "dir\xc3(/%s/%s", names[i], names[i]);
        scan_put_text(world, path, "x");
    }
    char target[4096];
    memset(target, 't', 4095);
    target[4095] = '\0';
    scan_put_symlink(world, "long target", target);
    scan_put_symlink(world, "odd target", "\xff/\n\x01");
    (void)scan_check_equal(world);
}

static void
odd_names_and_targets_are_saved_byte_for_byte(void **state)
{
    in_both_worlds(check_odd_names);
}

static void
a_root_has_attributes_of_its_own(void **state)
{
    struct scan_world world;
    scan_world_open_memory(&world, 1);
    firn_error err;
    assert_int_equal(
        fi_os_xattr_set((struct fi_os_node){.dir = world.root}, "user.root", firn_str("r"), &err),
        FIRN_OK);
    struct scan_sink sink;
    struct fi_scan_result result;
    scan_sink_init(&sink);
    scan_run(&world, &sink, NULL, 1, &result);
    firn_slice rest = result.root.xattrs;
    firn_slice name;
    firn_slice value;
    assert_true(fi_tree_xattrs_next(&rest, &name, &value));
    assert_memory_equal(name.data, "user.root", name.size);
    assert_int_equal(rest.size, 0);
    assert_int_equal(result.files + result.directories, 0);
    char *saved = scan_dump_saved(&sink, &result.root.hash);
    assert_string_equal(saved, "");
    free(saved);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
}

/* ---- canonical ---- */

/* 700 files over 40 directories, links among them, in an order that follows from the seed. */
static void
put_many(struct scan_world *world, uint64_t seed)
{
    enum { COUNT = 700 };
    struct test_random random = {.state = seed};
    uint32_t order[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        order[i] = i;
    }
    for (uint32_t i = COUNT - 1; i > 0; i--) {
        uint32_t j = (uint32_t)test_random_below(&random, i + 1);
        uint32_t other = order[i];
        order[i] = order[j];
        order[j] = other;
    }
    char path[64];
    char of[64];
    for (uint32_t i = 0; i < COUNT; i++) {
        uint32_t k = order[i];
        /* A third of all in one directory of more than one segment. */
        snprintf(path, sizeof path, k % 3 == 0 ? "flat/f%u" : "d%u/e%u/f%u", k % 8, k % 5, k);
        if (k % 3 == 0) {
            snprintf(path, sizeof path, "flat/f%u", k);
        }
        scan_put_random(world, path, k, k * 10);
        scan_set_mtime(world, path, 1000000000 + k);
        if (k % 20 == 0) {
            snprintf(of, sizeof of, "d%u/link%u", k % 7, k);
            scan_put_link(world, of, path);
        }
    }
    for (uint32_t i = 0; i < 500; i++) {
        snprintf(path, sizeof path, "flat/s%u", i);
        scan_put_symlink(world, path, "t");
        scan_set_mtime(world, path, 5);
    }
    static const char *const dirs[] = {"flat"};
    scan_set_mtime(world, dirs[0], 7);
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned j = 0; j < 5; j++) {
            snprintf(path, sizeof path, "d%u/e%u", i, j);
            scan_put_dir(world, path);
            scan_set_mtime(world, path, 9);
        }
        snprintf(path, sizeof path, "d%u", i);
        scan_set_mtime(world, path, 11);
    }
}

static void
the_root_hash_depends_on_nothing_but_the_tree(void **state)
{
    struct scan_world world;
    firn_hash first;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        scan_world_open_memory(&world, seed);
        put_many(&world, seed);
        firn_hash hash = scan_check_equal(&world);
        first = seed == 1 ? hash : first;
        assert_memory_equal(&hash, &first, sizeof hash);
        scan_world_close(&world);
    }
    if (geteuid() != 0) {
        return; /* in memory everything is root's, and owners are part of the tree */
    }
    scan_world_open_disk(&world);
    put_many(&world, 4);
    firn_hash hash = scan_check_equal(&world);
    assert_memory_equal(&hash, &first, sizeof hash);
    scan_world_close(&world);
}

static void
kinds_that_a_list_does_not_tell_are_looked_up(void **state)
{
    struct scan_world world;
    scan_world_open_memory(&world, 1);
    put_every_kind(&world);
    scan_put_text(&world, "p/Cargo.toml/no-manifest", "");
    scan_put_text(&world, "p/target/kept", "");
    scan_put_text(&world, "q/Cargo.toml", "");
    scan_put_text(&world, "q/target/left-out", "");
    firn_hash told = scan_check_equal(&world);
    fi_sim_memory_set_hide_kinds(world.os, true);
    firn_hash looked_up = scan_check_equal(&world);
    assert_memory_equal(&told, &looked_up, sizeof told);
    scan_world_close(&world);
}

/* ---- hard links ---- */

static char *
hard_link_of(struct scan_sink *sink, const firn_hash *root, const char *line_start)
{
    char *dump = scan_dump_saved(sink, root);
    char *line = strstr(dump, line_start);
    assert_non_null(line);
    char *link = strstr(line, " link=") + 6;
    char *result = strndup(link, strcspn(link, "\n"));
    free(dump);
    return result;
}

static void
check_links(struct scan_world *world)
{
    /* In the order of paths "d.x" comes before "d/y", in the order of a walk after it. */
    scan_put_text(world, "d/y", "content");
    scan_put_link(world, "d.x", "d/y");
    scan_put_link(world, "z/z", "d/y");
    scan_put_text(world, "only/one", "other name is left out");
    scan_put_link(world, "node_modules/one", "only/one");
    scan_put_symlink(world, "b/s", "t");
    scan_put_link(world, "a/s", "b/s");
    (void)scan_check_equal(world);
    struct scan_sink sink;
    struct fi_scan_result result;
    static const struct {
        const char *line;
        const char *link;
    } expected[] = {{"d.x ", ""},      {"d/y ", "d.x"}, {"z/z ", "d.x"},
                    {"only/one ", ""}, {"a/s ", ""},    {"b/s ", "a/s"}};
    scan_sink_init(&sink);
    scan_run(world, &sink, NULL, 3, &result);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        char *link = hard_link_of(&sink, &result.root.hash, expected[i].line);
        assert_string_equal(link, expected[i].link);
        free(link);
    }
    assert_int_equal(result.files, 6);
    assert_int_equal(result.bytes, strlen("content") + strlen("other name is left out"));
    assert_int_equal(scan_sink_count(&sink, FI_PACK_BLOB), 2);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
}

static void
of_hard_links_the_first_path_holds_the_content(void **state)
{
    in_both_worlds(check_links);
}

struct add_count {
    uint64_t blobs;
};

static void
count_blobs(void *ctx, enum fi_pack_kind kind, firn_slice content)
{
    (void)content;
    struct add_count *count = ctx;
    count->blobs += kind == FI_PACK_BLOB ? 1 : 0;
}

static void
an_inode_of_many_names_is_read_once(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    struct add_count count = {0};
    scan_world_open_memory(&world, 1);
    scan_put_text(&world, "m", "x");
    for (unsigned i = 0; i < 50; i++) {
        char path[32];
        snprintf(path, sizeof path, "d%u/l%u", i % 5, i);
        scan_put_link(&world, path, "m");
    }
    scan_sink_init(&sink);
    sink.before_add = count_blobs;
    sink.ctx = &count;
    scan_run(&world, &sink, NULL, 1, &result);
    assert_int_equal(count.blobs, 1);
    assert_int_equal(result.files, 51);
    assert_int_equal(result.bytes, 1);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
}

static void
without_a_wish_for_content_only_directories_are_added(void **state)
{
    struct scan_world world;
    struct scan_sink full;
    struct scan_sink sink;
    struct fi_scan_result expected;
    struct fi_scan_result result;
    scan_world_open_memory(&world, 1);
    put_every_kind(&world);
    scan_put_random(&world, "large", 3, 9 << 20);
    scan_put_sparse(&world, "sparse", 3 << 20, NULL, 0);
    scan_sink_init(&full);
    scan_sink_init(&sink);
    sink.wants_content = false;
    scan_run(&world, &full, NULL, 1, &expected);
    scan_run(&world, &sink, NULL, 1, &result);
    assert_memory_equal(&expected.root.hash, &result.root.hash, sizeof result.root.hash);
    assert_int_equal(scan_sink_count(&sink, FI_PACK_TREE), 4);
    assert_int_equal(sink.adds, 4);
    assert_int_equal(result.new_objects, 0);
    fi_scan_result_deinit(&expected);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&full);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
}

/* ---- what is left out ---- */

static void
put_excluded(struct scan_world *world)
{
    static const char *const left_out[] = {
        ".git/HEAD",          ".hg/store",         "node_modules/a/index.js",
        ".venv/bin",          "sub/.git",          "sub/.svn/entries",
        "sub/node_modules/b", "sub/venv/x",        "rust/target/debug/x",
        "tagged/target/x",    "deep/a/b/c/.tox/y", "sub/venv/pyvenv.cfg",
        "sub/.gradle/8.5/x",
    };
    static const char *const kept[] = {
        "targeting.c",
        "my.git",
        ".gitignore",
        "plain/target/x",
        "target/y",
        "rust/Cargo.toml",
        "rust/src/main.rs",
        "x/node_modules.txt",
        "dir/Cargo.toml/f",
        "dir/target/f",
        "venv3/x",
        "lib/venv/__init__.py",
        "home/.m2/settings.xml",
        "home/.gradle/gradle.properties",
    };
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++) {
        scan_put_text(world, left_out[i], "out");
    }
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        scan_put_text(world, kept[i], "kept");
    }
    scan_put_text(world, "tagged/target/CACHEDIR.TAG", "Signature");
    scan_put_text(world, "tagged/other/CACHEDIR.TAG", "Signature");
    scan_put_text(world, "CACHEDIR.TAG", "the root is never left out");
    scan_put_symlink(world, "sub/.venv", "elsewhere");
}

static void
check_excluded(struct scan_world *world)
{
    put_excluded(world);
    (void)scan_check_equal(world);
    struct scan_sink sink;
    struct fi_scan_result result;
    struct scan_notices notices = {0};
    static const char *const expected[] = {
        ".git",        ".hg",           "node_modules",     ".venv",
        "sub/.git",    "sub/.svn",      "sub/node_modules", "sub/venv",
        "rust/target", "tagged/target", "deep/a/b/c/.tox",  "sub/.gradle",
        "sub/.venv"};
    scan_sink_init(&sink);
    scan_run(world, &sink, &notices, 2, &result);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_true(scan_notices_has(&notices, FIRN_NOTICE_EXCLUDED, expected[i]));
    }
    assert_int_equal(result.excluded, sizeof expected / sizeof *expected);
    assert_int_equal(notices.counts[FIRN_NOTICE_EXCLUDED], result.excluded);
    assert_int_equal(result.skipped, 0);
    fi_scan_result_deinit(&result);
    scan_notices_deinit(&notices);
    scan_sink_deinit(&sink);
}

static void
default_exclusions_apply_at_any_depth_and_are_reported(void **state)
{
    in_both_worlds(check_excluded);
}

static void
the_store_is_never_saved_into_itself(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    struct scan_notices notices = {0};
    struct fi_os_stat stat;
    firn_error err;
    scan_world_open_memory(&world, 1);
    scan_put_text(&world, "a/store/packs/1.pack", "p");
    scan_put_text(&world, "a/file", "f");
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_beneath(world.root, "a/store", &dir, &err), FIRN_OK);
    assert_int_equal(fi_os_dir_stat(dir, &stat, &err), FIRN_OK);
    fi_os_dir_close(dir);
    struct fi_scan_options options = {
        .threads = 1,
        .has_store = true,
        .store_device = stat.device,
        .store_inode = stat.inode,
        .callbacks = scan_notices_callbacks(&notices),
    };
    scan_sink_init(&sink);
    struct fi_objects_sink as_sink = scan_sink_of(&sink);
    assert_int_equal(fi_scan_tree(world.root, &options, &as_sink, &result, &err), FIRN_OK);
    assert_int_equal(result.files, 1);
    assert_int_equal(result.directories, 1);
    assert_int_equal(result.excluded, 1);
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_EXCLUDED, "a/store"));
    fi_scan_result_deinit(&result);
    scan_notices_deinit(&notices);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
}

static void
check_special(struct scan_world *world)
{
    struct scan_sink sink;
    struct fi_scan_result result;
    struct scan_notices notices = {0};
    scan_put_fifo(world, "d/pipe");
    scan_put_text(world, "d/file", "f");
    (void)scan_check_equal(world);
    scan_sink_init(&sink);
    scan_run(world, &sink, &notices, 1, &result);
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_SPECIAL, "d/pipe"));
    assert_int_equal(result.skipped, 1);
    assert_int_equal(result.files, 1);
    fi_scan_result_deinit(&result);
    scan_notices_deinit(&notices);
    scan_sink_deinit(&sink);
}

static void
special_files_are_skipped_without_blocking(void **state)
{
    in_both_worlds(check_special);
}

/* ---- shapes ---- */

static void
a_very_deep_tree_needs_no_deep_stack_and_is_cut_off_with_a_notice(void **state)
{
    enum { DEPTH = FI_TREE_DEPTH_MAX + 10 };
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    struct scan_notices notices = {0};
    firn_error err;
    scan_world_open_memory(&world, 1);
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_beneath(world.root, "", &dir, &err), FIRN_OK);
    for (unsigned i = 0; i < DEPTH; i++) {
        struct fi_os_dir *below;
        assert_int_equal(fi_os_make_dir(dir, "d", 0755, &err), FIRN_OK);
        assert_int_equal(fi_os_dir_open(dir, "d", &below, &err), FIRN_OK);
        fi_os_dir_close(dir);
        dir = below;
    }
    fi_os_dir_close(dir);
    scan_sink_init(&sink);
    scan_run(&world, &sink, &notices, 1, &result);
    assert_int_equal(result.directories, FI_TREE_DEPTH_MAX - 1);
    assert_int_equal(result.skipped, 1);
    assert_int_equal(notices.counts[FIRN_NOTICE_UNREADABLE], 1);
    fi_scan_result_deinit(&result);
    scan_notices_deinit(&notices);
    scan_sink_deinit(&sink);
    fi_os_dir_close(world.root);
    fi_sim_memory_destroy(world.os);
}

static void
a_huge_directory_is_shared_in_segments(void **state)
{
    struct scan_world world;
    scan_world_open_disk(&world);
    for (unsigned i = 0; i < 3000; i++) {
        char path[32];
        snprintf(path, sizeof path, "huge/%u", i * 7919 % 3000);
        scan_put_file(&world, path, &i, sizeof i);
        if (i % 100 == 0) {
            snprintf(path, sizeof path, "huge/sub%u/x", i);
            scan_put_text(&world, path, "x");
            snprintf(path, sizeof path, "huge/link%u", i);
            scan_put_link(&world, path, "huge/sub0/x");
        }
    }
    (void)scan_check_equal(&world);
    scan_world_close(&world);
}

/* ---- random trees ---- */

static void
put_random_entry(struct scan_world *world, struct test_random *random, unsigned number,
                 char (*files)[80], unsigned *file_count)
{
    /* Root reads whatever the mode says. */
    const uint32_t may_read = geteuid() == 0 ? 0 : 0600;
    static const char *const odd[] = {"a", "a.b", "a-b", "\xff", " ", "n\n", "Z", "\xc3\xa9"};
    char path[80] = "";
    for (uint64_t depth = test_random_below(random, 5); depth > 0; depth--) {
        size_t size = strlen(path);
        snprintf(path + size, sizeof path - size, "%s_/", odd[test_random_below(random, 8)]);
    }
    size_t size = strlen(path);
    snprintf(path + size, sizeof path - size, "%s%u", odd[test_random_below(random, 8)], number);
    static const size_t sizes[] = {0, 1, 100, 5000, 70000, 600000};
    switch (test_random_below(random, 12)) {
    case 0:
        scan_put_symlink(world, path, odd[test_random_below(random, 8)]);
        break;
    case 1:
        scan_put_dir(world, path);
        scan_set_mode(world, path, (uint32_t)test_random_below(random, 01000) | 0700);
        break;
    case 2:
        scan_put_fifo(world, path);
        break;
    case 3:
    case 4:
        if (*file_count > 0) {
            scan_put_link(world, path, files[test_random_below(random, *file_count)]);
            break;
        }
        /* fallthrough */
    default:
        scan_put_random(world, path, test_random_below(random, 20),
                        sizes[test_random_below(random, 6)]);
        scan_set_mode(world, path, (uint32_t)test_random_below(random, 010000) | may_read);
        if (test_random_below(random, 4) == 0) {
            scan_set_xattr(world, path, "user.a", "1");
            scan_set_xattr(world, path,
                           odd[test_random_below(random, 2)] == odd[0] ? "user.0" : "user.b", "22");
        }
        strcpy(files[(*file_count)++], path);
    }
}

static void
random_trees_are_saved_as_they_are(void **state)
{
    struct test_random random;
    test_random_init(&random, "random_trees_are_saved_as_they_are", 42);
    for (unsigned round = 0; round < 6; round++) {
        struct scan_world world;
        char(*files)[80] = malloc(400 * sizeof *files);
        unsigned file_count = 0;
        if (round % 2 == 0) {
            scan_world_open_memory(&world, round);
        } else {
            scan_world_open_disk(&world);
        }
        for (unsigned i = 0; i < 400; i++) {
            put_random_entry(&world, &random, i, files, &file_count);
        }
        (void)scan_check_equal(&world);
        scan_world_close(&world);
        free(files);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_entry_is_saved_with_all_its_fields),
        cmocka_unit_test(files_directories_bytes_and_new_objects_are_counted),
        cmocka_unit_test(odd_names_and_targets_are_saved_byte_for_byte),
        cmocka_unit_test(a_root_has_attributes_of_its_own),
        cmocka_unit_test(the_root_hash_depends_on_nothing_but_the_tree),
        cmocka_unit_test(kinds_that_a_list_does_not_tell_are_looked_up),
        cmocka_unit_test(of_hard_links_the_first_path_holds_the_content),
        cmocka_unit_test(an_inode_of_many_names_is_read_once),
        cmocka_unit_test(without_a_wish_for_content_only_directories_are_added),
        cmocka_unit_test(default_exclusions_apply_at_any_depth_and_are_reported),
        cmocka_unit_test(the_store_is_never_saved_into_itself),
        cmocka_unit_test(special_files_are_skipped_without_blocking),
        cmocka_unit_test(a_very_deep_tree_needs_no_deep_stack_and_is_cut_off_with_a_notice),
        cmocka_unit_test(a_huge_directory_is_shared_in_segments),
        cmocka_unit_test(random_trees_are_saved_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
