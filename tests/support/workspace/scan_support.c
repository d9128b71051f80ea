/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/scan_support.c: building trees, and the sink.
 */
#include <unistd.h>

#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "objects/objects.h"
#include "posix/os_default.h"
#include "scan_support.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/test_temp.h"

enum { BUCKETS = 1024 };

/* ---- a tree ---- */

static void
check(int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), err->text);
    }
}

void
scan_world_open_disk(struct scan_world *world)
{
    char path[TEST_TEMP_SIZE];
    firn_error err;
    *world = (struct scan_world){.os = fi_os_default()};
    test_temp_make(path, sizeof path);
    world->temp_path = strdup(path);
    assert_non_null(world->temp_path);
    check(fi_os_dir_open_path(world->os, path, &world->root, &err), &err);
}

void
scan_world_open_memory(struct scan_world *world, uint64_t seed)
{
    firn_error err;
    *world = (struct scan_world){0};
    check(fi_sim_memory_create(seed, &world->os, &err), &err);
    check(fi_os_dir_open_path(world->os, "/", &world->root, &err), &err);
    check(fi_os_make_dir(world->root, "w", 0755, &err), &err);
    struct fi_os_dir *top = world->root;
    check(fi_os_dir_open(top, "w", &world->root, &err), &err);
    fi_os_dir_close(top);
}

void
scan_world_wrap(struct scan_world *world)
{
    firn_error err;
    check(fi_sim_fault_create(world->os, &world->outer, &err), &err);
}

struct names {
    char **names;
    size_t count;
};

static int
keep_name(void *ctx, const struct fi_os_dirent *entry)
{
    struct names *names = ctx;
    names->names = realloc(names->names, (names->count + 1) * sizeof *names->names);
    names->names[names->count++] = strdup(entry->name);
    return FIRN_OK;
}

/* Empties a directory without holding handles for the levels above the one in work: trees may be
 * very deep. */
static void
empty_dir(struct fi_os_dir *dir)
{
    struct names names = {0};
    firn_error err;
    check(fi_os_dir_list(dir, keep_name, &names, &err), &err);
    for (size_t i = 0; i < names.count; i++) {
        struct fi_os_stat stat;
        check(fi_os_stat(dir, names.names[i], &stat, &err), &err);
        if (stat.kind == FI_OS_DIR) {
            struct fi_os_dir *below;
            check(fi_os_dir_open(dir, names.names[i], &below, &err), &err);
            empty_dir(below);
            fi_os_dir_close(below);
            check(fi_os_remove_dir(dir, names.names[i], &err), &err);
        } else {
            check(fi_os_remove_file(dir, names.names[i], &err), &err);
        }
        free(names.names[i]);
    }
    free(names.names);
}

void
scan_world_close(struct scan_world *world)
{
    if (world->temp_path != NULL) {
        empty_dir(world->root);
        fi_os_dir_close(world->root);
        assert_int_equal(rmdir(world->temp_path), 0);
        free(world->temp_path);
    } else {
        fi_os_dir_close(world->root);
        fi_sim_fault_destroy(world->outer);
        fi_sim_memory_destroy(world->os);
    }
}

/* Opens the directory that a path's last component lies in; *out_name is that component. */
static struct fi_os_dir *
open_above(struct scan_world *world, const char *path, const char **out_name)
{
    firn_error err;
    struct fi_os_dir *dir;
    check(fi_os_dir_open_beneath(world->root, "", &dir, &err), &err);
    for (const char *slash; (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        char *name = strndup(path, (size_t)(slash - path));
        struct fi_os_dir *below;
        int rc = fi_os_make_dir(dir, name, 0755, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_EXISTS);
        check(fi_os_dir_open(dir, name, &below, &err), &err);
        free(name);
        fi_os_dir_close(dir);
        dir = below;
    }
    *out_name = path;
    return dir;
}

void
scan_put_dir(struct scan_world *world, const char *path)
{
    const char *name;
    firn_error err;
    struct fi_os_dir *dir = open_above(world, path, &name);
    int rc = fi_os_make_dir(dir, name, 0755, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_EXISTS);
    fi_os_dir_close(dir);
}

void
scan_put_file(struct scan_world *world, const char *path, const void *data, size_t size)
{
    const char *name;
    firn_error err;
    struct fi_os_dir *dir = open_above(world, path, &name);
    struct fi_os_file *file;
    check(
        fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE, 0644, &file, &err),
        &err);
    check(fi_os_file_write(file, 0, data, size, &err), &err);
    fi_os_file_close(file);
    fi_os_dir_close(dir);
}

void
scan_put_text(struct scan_world *world, const char *path, const char *text)
{
    scan_put_file(world, path, text, strlen(text));
}

void
scan_put_random(struct scan_world *world, const char *path, uint64_t seed, size_t size)
{
    struct test_random random = {.state = seed * 2 + 1};
    uint8_t *data = malloc(size + 1);
    assert_non_null(data);
    test_random_fill(&random, data, size);
    scan_put_file(world, path, data, size);
    free(data);
}

void
scan_put_symlink(struct scan_world *world, const char *path, const char *target)
{
    const char *name;
    firn_error err;
    struct fi_os_dir *dir = open_above(world, path, &name);
    check(fi_os_make_symlink(dir, name, target, &err), &err);
    fi_os_dir_close(dir);
}

void
scan_put_link(struct scan_world *world, const char *path, const char *of)
{
    const char *name;
    const char *of_name;
    firn_error err;
    struct fi_os_dir *dir = open_above(world, path, &name);
    struct fi_os_dir *of_dir = open_above(world, of, &of_name);
    check(fi_os_link(of_dir, of_name, dir, name, &err), &err);
    fi_os_dir_close(dir);
    fi_os_dir_close(of_dir);
}

void
scan_put_fifo(struct scan_world *world, const char *path)
{
    const char *name;
    firn_error err;
    struct fi_os_dir *dir = open_above(world, path, &name);
    check(fi_os_make_fifo(dir, name, 0644, &err), &err);
    fi_os_dir_close(dir);
}

void
scan_put_sparse(struct scan_world *world, const char *path, uint64_t size, const uint64_t *offsets,
                size_t count)
{
    const char *name;
    firn_error err;
    char block[4096];
    memset(block, 'd', sizeof block);
    struct fi_os_dir *dir = open_above(world, path, &name);
    struct fi_os_file *file;
    check(
        fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE, 0644, &file, &err),
        &err);
    check(fi_os_file_truncate(file, size, &err), &err);
    for (size_t i = 0; i < count; i++) {
        check(fi_os_file_write(file, offsets[i], block, sizeof block, &err), &err);
    }
    fi_os_file_close(file);
    fi_os_dir_close(dir);
}

void
scan_set_mode(struct scan_world *world, const char *path, uint32_t mode)
{
    const char *name;
    firn_error err;
    struct fi_os_dir *dir = open_above(world, path, &name);
    check(fi_os_set_mode((struct fi_os_node){.dir = dir, .name = name}, mode, &err), &err);
    fi_os_dir_close(dir);
}

void
scan_set_mtime(struct scan_world *world, const char *path, int64_t mtime_ns)
{
    const char *name;
    firn_error err;
    struct fi_os_dir *dir = open_above(world, path, &name);
    check(fi_os_set_mtime((struct fi_os_node){.dir = dir, .name = name}, mtime_ns, &err), &err);
    fi_os_dir_close(dir);
}

void
scan_set_xattr(struct scan_world *world, const char *path, const char *name, const char *value)
{
    const char *entry;
    firn_error err;
    struct fi_os_dir *dir = open_above(world, path, &entry);
    int rc = fi_os_xattr_set((struct fi_os_node){.dir = dir, .name = entry}, name, firn_str(value),
                             &err);
    assert_true(rc == FIRN_OK || rc == FIRN_UNSUPPORTED);
    fi_os_dir_close(dir);
}

void
scan_remove_file(struct scan_world *world, const char *path)
{
    const char *name;
    firn_error err;
    struct fi_os_dir *dir = open_above(world, path, &name);
    check(fi_os_remove_file(dir, name, &err), &err);
    fi_os_dir_close(dir);
}

void
scan_remove_tree(struct scan_world *world, const char *path)
{
    const char *name;
    firn_error err;
    struct fi_os_dir *below;
    struct fi_os_dir *dir = open_above(world, path, &name);
    check(fi_os_dir_open(dir, name, &below, &err), &err);
    empty_dir(below);
    fi_os_dir_close(below);
    check(fi_os_remove_dir(dir, name, &err), &err);
    fi_os_dir_close(dir);
}

void
scan_rename(struct scan_world *world, const char *from, const char *to)
{
    const char *from_name;
    const char *to_name;
    firn_error err;
    struct fi_os_dir *from_dir = open_above(world, from, &from_name);
    struct fi_os_dir *to_dir = open_above(world, to, &to_name);
    check(fi_os_rename(from_dir, from_name, to_dir, to_name, FI_OS_RENAME_REPLACE, &err), &err);
    fi_os_dir_close(from_dir);
    fi_os_dir_close(to_dir);
}

/* ---- a sink ---- */

struct scan_object {
    struct scan_object *next;
    firn_hash hash;
    enum fi_pack_kind kind;
    size_t size;
    uint8_t bytes[];
};

void
scan_sink_init(struct scan_sink *sink)
{
    *sink = (struct scan_sink){.wants_content = true, .cut_table = fi_cdc_table_plain()};
    assert_int_equal(pthread_mutex_init(&sink->mutex, NULL), 0);
}

void
scan_sink_deinit(struct scan_sink *sink)
{
    assert_int_equal(sink->lanes_open, 0);
    for (size_t i = 0; i < BUCKETS; i++) {
        while (sink->buckets[i] != NULL) {
            struct scan_object *object = sink->buckets[i];
            sink->buckets[i] = object->next;
            free(object);
        }
    }
    pthread_mutex_destroy(&sink->mutex);
}

static struct scan_object **
bucket_of(struct scan_sink *sink, const firn_hash *hash)
{
    return &sink->buckets[(hash->bytes[0] | (size_t)hash->bytes[1] << 8) % BUCKETS];
}

static struct scan_object *
find_object(struct scan_sink *sink, const firn_hash *hash)
{
    struct scan_object *object = *bucket_of(sink, hash);
    while (object != NULL && !fi_hash_equal(&object->hash, hash)) {
        object = object->next;
    }
    return object;
}

static int
open_lane(void *ctx, void **out_lane, firn_error *err)
{
    struct scan_sink *sink = ctx;
    pthread_mutex_lock(&sink->mutex);
    bool fails = ++sink->lanes_opened == sink->fail_lane_open_at;
    sink->lanes_open += fails ? 0 : 1;
    pthread_mutex_unlock(&sink->mutex);
    *out_lane = sink;
    return fails ? fi_error_set(err, FIRN_NO_SPACE, "lane refused") : FIRN_OK;
}

static int
close_lane(void *ctx, void *lane, bool keep, firn_error *err)
{
    struct scan_sink *sink = lane;
    (void)ctx;
    pthread_mutex_lock(&sink->mutex);
    sink->lanes_open--;
    pthread_mutex_unlock(&sink->mutex);
    return keep && sink->fail_lane_close ? fi_error_set(err, FIRN_IO, "flush refused") : FIRN_OK;
}

static int
contains(void *ctx, const firn_hash *hash, bool *out, firn_error *err)
{
    struct scan_sink *sink = ctx;
    (void)err;
    pthread_mutex_lock(&sink->mutex);
    *out = find_object(sink, hash) != NULL;
    pthread_mutex_unlock(&sink->mutex);
    return FIRN_OK;
}

static int
add(void *lane, const struct fi_objects_object *added, bool *out_is_new, firn_error *err)
{
    struct scan_sink *sink = lane;
    const enum fi_pack_kind kind = added->kind;
    const firn_hash *hash = &added->hash;
    const firn_slice content = added->content;
    if (sink->before_add != NULL) {
        sink->before_add(sink->ctx, kind, content);
    }
    if (kind != FI_PACK_PIECES) { /* assertions of cmocka belong to the main thread */
        firn_hash found;
        fi_blake3_hash_of(content.data, content.size, &found);
        if (!fi_hash_equal(&found, hash)) {
            return fi_error_set(err, FIRN_INTERNAL, "an object that is not what its name says");
        }
    }
    pthread_mutex_lock(&sink->mutex);
    bool fails = ++sink->adds == sink->fail_add_at;
    *out_is_new = !fails && find_object(sink, hash) == NULL;
    if (*out_is_new) {
        struct scan_object *object = malloc(sizeof *object + content.size);
        struct scan_object **bucket = bucket_of(sink, hash);
        *object = (struct scan_object){
            .next = *bucket, .hash = *hash, .kind = kind, .size = content.size};
        if (content.size > 0) {
            memcpy(object->bytes, content.data, content.size);
        }
        *bucket = object;
    }
    pthread_mutex_unlock(&sink->mutex);
    return fails ? fi_error_set(err, FIRN_NO_SPACE, "object refused") : FIRN_OK;
}

struct fi_objects_sink
scan_sink_of(struct scan_sink *sink)
{
    return (struct fi_objects_sink){
        .lane_open = open_lane,
        .lane_close = close_lane,
        .contains = contains,
        .add = add,
        .wants_content = sink->wants_content,
        .cut_table = sink->cut_table,
        .ctx = sink,
    };
}

bool
scan_sink_find(struct scan_sink *sink, const firn_hash *hash, enum fi_pack_kind *out_kind,
               firn_slice *out)
{
    struct scan_object *object = find_object(sink, hash);
    if (object == NULL) {
        return false;
    }
    *out_kind = object->kind;
    *out = firn_bytes(object->bytes, object->size);
    return true;
}

uint64_t
scan_sink_count(struct scan_sink *sink, enum fi_pack_kind kind)
{
    uint64_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct scan_object *at = sink->buckets[i]; at != NULL; at = at->next) {
            count += at->kind == kind ? 1 : 0;
        }
    }
    return count;
}

/* ---- notices ---- */

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct scan_notices *notices = ctx;
    if (notices->hook != NULL) {
        notices->hook(notices->ctx, notice);
    }
    notices->counts[notice->kind]++;
    size_t before = notices->text == NULL ? 0 : strlen(notices->text);
    notices->text = realloc(notices->text, before + notice->path.size + 16);
    snprintf(notices->text + before, notice->path.size + 16, "%d %.*s\n", (int)notice->kind,
             (int)notice->path.size, (const char *)notice->path.data);
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct scan_notices *notices = ctx;
    (void)progress;
    return ++notices->progress_calls == notices->cancel_at ? FIRN_CANCELLED : FIRN_OK;
}

firn_callbacks
scan_notices_callbacks(struct scan_notices *notices)
{
    if (notices == NULL) {
        return (firn_callbacks){NULL, NULL, NULL};
    }
    return (firn_callbacks){on_notice, on_progress, notices};
}

void
scan_notices_deinit(struct scan_notices *notices)
{
    free(notices->text);
}

bool
scan_notices_has(const struct scan_notices *notices, firn_notice_kind kind, const char *path)
{
    size_t size = strlen(path) + 16;
    char *line = malloc(size);
    snprintf(line, size, "%d %s\n", (int)kind, path);
    const char *found = notices->text == NULL ? NULL : strstr(notices->text, line);
    bool has = found != NULL && (found == notices->text || found[-1] == '\n');
    free(line);
    return has;
}

/* ---- runs ---- */

void
scan_run(struct scan_world *world, struct scan_sink *sink, struct scan_notices *notices,
         unsigned threads, struct fi_scan_result *out)
{
    firn_error err;
    struct fi_scan_options options = {.threads = threads,
                                      .callbacks = scan_notices_callbacks(notices)};
    struct fi_objects_sink as_sink = scan_sink_of(sink);
    check(fi_scan_tree(world->root, &options, &as_sink, out, &err), &err);
}

firn_hash
scan_check_equal(struct scan_world *world)
{
    static const unsigned threads[] = {1, 2, 4};
    char *real = scan_dump_real(world, false);
    firn_hash first = {{0}};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        struct scan_sink sink;
        struct fi_scan_result result;
        scan_sink_init(&sink);
        scan_run(world, &sink, NULL, threads[i], &result);
        char *saved = scan_dump_saved(&sink, &result.root.hash);
        assert_string_equal(saved, real);
        free(saved);
        first = i == 0 ? result.root.hash : first;
        assert_memory_equal(&first, &result.root.hash, sizeof first);
        fi_scan_result_deinit(&result);
        scan_sink_deinit(&sink);
    }
    free(real);
    return first;
}
