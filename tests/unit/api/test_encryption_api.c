/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: encrypted stores and workspaces by the public interface: who is asked for what opens them, and
 * what becomes of slots. Every key here is a key file, since those cost nothing to try; one passphrase is
 * enough to see that its slot works.
 */
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_temp.h"

static firn_error err;

#define OK(expression) assert_int_equal((expression), FIRN_OK)

/* A source that gives what it was told to, and counts. */
struct person {
    const char *secret; /* NULL: nobody is there */
    firn_keys_kind kind;
    unsigned asked;
    unsigned new_ones;
    unsigned last_attempt;
};

static int
answer(void *ctx, const firn_keys_request *request, firn_keys_answer *out, firn_error *why)
{
    struct person *person = ctx;
    person->asked++;
    person->new_ones += request->is_new;
    person->last_attempt = request->attempt;
    assert_true(request->path != NULL && out->room >= 1024);
    if (person->secret == NULL) {
        (void)snprintf(why->text, sizeof why->text, "nobody");
        why->code = FIRN_NOT_FOUND;
        return FIRN_NOT_FOUND;
    }
    out->used = strlen(person->secret);
    out->kind = person->kind;
    memcpy(out->bytes, person->secret, out->used);
    return FIRN_OK;
}

#define KEY_A "key file a, of more than thirty-two bytes"
#define KEY_B "key file b, of more than thirty-two bytes"

struct place {
    char dir[64];
    char store[96];
};

static void
place_init(struct place *place)
{
    (void)unsetenv("FIRN_KEY_FILE");
    (void)unsetenv("FIRN_KEY_COMMAND");
    test_temp_make(place->dir, sizeof place->dir);
    (void)snprintf(place->store, sizeof place->store, "%s/store", place->dir);
}

static int
remove_one(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void
remove_all(const char *dir)
{
    assert_int_equal(nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static int
open_store(const struct place *place, struct person *person, firn_cipher cipher, firn_store **out)
{
    const firn_keys_source source = {answer, person};
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.cipher = cipher;
    options.key_source = person == NULL ? NULL : &source;
    return firn_store_open(place->store, &options, out, &err);
}

static void
make_store(const struct place *place, struct person *person, firn_cipher cipher)
{
    firn_store *store;
    firn_keyspace *keyspace;
    OK(open_store(place, person, cipher, &store));
    OK(firn_keyspace_open(store, "k", NULL, &keyspace, &err));
    OK(firn_put(keyspace, firn_str("a"), firn_str("1"), NULL, &err));
    OK(firn_store_close(store, &err));
}

static void
assert_opens(const struct place *place, const char *secret, firn_keys_kind kind, int code)
{
    struct person person = {secret, kind, 0, 0, 0};
    firn_store *store;
    assert_int_equal(open_store(place, &person, FIRN_CIPHER_NONE, &store), code);
    assert_int_equal(person.new_ones, 0);
    if (code == FIRN_OK) {
        firn_keyspace *keyspace;
        size_t size;
        uint8_t *value;
        OK(firn_keyspace_open(store, "k", NULL, &keyspace, &err));
        OK(firn_get(keyspace, firn_str("a"), &value, &size, &err));
        assert_memory_equal(value, "1", 1);
        firn_release(value);
        OK(firn_store_close(store, &err));
        assert_int_equal(person.asked, 1);
    } else {
        /* Where no slot is of its kind, another answer would not help. */
        assert_true(person.last_attempt == (secret == NULL ? 1 : 3) ||
                    kind == FIRN_KEYS_PASSPHRASE);
    }
}

static void
a_store_asks_for_its_key(void **state)
{
    struct place place;
    struct person person = {KEY_A, FIRN_KEYS_FILE, 0, 0, 0};
    firn_keys_info info = FIRN_KEYS_INFO_INIT;
    place_init(&place);
    make_store(&place, &person, FIRN_CIPHER_AUTOMATIC);
    assert_int_equal(person.asked, 1);
    assert_int_equal(person.new_ones, 1);
    assert_opens(&place, KEY_A, FIRN_KEYS_FILE, FIRN_OK);
    assert_opens(&place, KEY_B, FIRN_KEYS_FILE, FIRN_DENIED);
    assert_opens(&place, NULL, FIRN_KEYS_FILE, FIRN_DENIED);
    assert_non_null(strstr(err.text, "FIRN_KEY_FILE"));
    OK(firn_keys_list(place.store, NULL, NULL, &info, &err));
    assert_true(info.cipher == FIRN_CIPHER_AES_256_GCM ||
                info.cipher == FIRN_CIPHER_XCHACHA20_POLY1305);
    assert_true(info.slots == 1 && info.master_keys == 1 && !info.is_remembered);
    remove_all(place.dir);
}

static void
a_store_in_clear_has_no_keys(void **state)
{
    struct place place;
    firn_keys_info info = FIRN_KEYS_INFO_INIT;
    const firn_keys_secret secret = {FIRN_KEYS_FILE, firn_str(KEY_A)};
    place_init(&place);
    make_store(&place, NULL, FIRN_CIPHER_NONE);
    OK(firn_keys_list(place.store, NULL, NULL, &info, &err));
    assert_int_equal(info.cipher, FIRN_CIPHER_NONE);
    assert_int_equal(firn_keys_add(place.store, &secret, NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_non_null(strstr(err.text, "not encrypted"));
    assert_int_equal(firn_keys_rotate(place.store, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_keys_list(place.dir, NULL, NULL, &info, &err), FIRN_NOT_FOUND);
    remove_all(place.dir);
}

static int
count_kind(void *ctx, const firn_keys_slot *slot)
{
    unsigned *kinds = ctx;
    kinds[slot->kind]++;
    assert_true(slot->number >= 1 && slot->added_ns > 0);
    return strcmp(slot->label, "stop") == 0 ? FIRN_CANCELLED : FIRN_OK;
}

static void
slots_come_change_and_go(void **state)
{
    struct place place;
    struct person person = {KEY_A, FIRN_KEYS_FILE, 0, 0, 0};
    const firn_keys_source source = {answer, &person};
    firn_keys_options options = FIRN_KEYS_OPTIONS_INIT;
    const firn_keys_secret words = {FIRN_KEYS_PASSPHRASE, firn_str("correct horse")};
    const firn_keys_secret other = {FIRN_KEYS_PASSPHRASE, firn_str("battery staple")};
    char code[FIRN_KEYS_RECOVERY_SIZE];
    unsigned kinds[4] = {0};
    unsigned slot;
    unsigned recovery;
    options.source = &source;
    place_init(&place);
    make_store(&place, &person, FIRN_CIPHER_XCHACHA20_POLY1305);
    OK(firn_keys_add(place.store, &words, "laptop", &options, &slot, &err));
    OK(firn_keys_add_recovery(place.store, "paper", &options, code, &recovery, &err));
    assert_opens(&place, "correct horse", FIRN_KEYS_PASSPHRASE, FIRN_OK);
    assert_opens(&place, code, FIRN_KEYS_PASSPHRASE, FIRN_OK);
    assert_opens(&place, code, FIRN_KEYS_RECOVERY, FIRN_OK);
    OK(firn_keys_list(place.store, count_kind, kinds, NULL, &err));
    assert_true(kinds[1] == 1 && kinds[2] == 1 && kinds[3] == 1);
    OK(firn_keys_change(place.store, slot, &other, &options, &err));
    assert_opens(&place, "correct horse", FIRN_KEYS_PASSPHRASE, FIRN_DENIED);
    assert_opens(&place, "battery staple", FIRN_KEYS_PASSPHRASE, FIRN_OK);
    assert_int_equal(firn_keys_change(place.store, 9, &other, &options, &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_keys_change(place.store, 70000, &other, &options, &err), FIRN_NOT_FOUND);
    OK(firn_keys_remove(place.store, slot, &options, &err));
    assert_opens(&place, "battery staple", FIRN_KEYS_PASSPHRASE, FIRN_DENIED);
    OK(firn_keys_remove(place.store, recovery, &options, &err));
    assert_int_equal(firn_keys_remove(place.store, 1, &options, &err), FIRN_INVALID);
    assert_opens(&place, KEY_A, FIRN_KEYS_FILE, FIRN_OK);
    person.secret = KEY_B;
    assert_int_equal(firn_keys_add(place.store, &words, NULL, &options, NULL, &err), FIRN_DENIED);
    remove_all(place.dir);
}

static void
after_a_rotation_old_and_new_files_are_read(void **state)
{
    struct place place;
    struct person person = {KEY_A, FIRN_KEYS_FILE, 0, 0, 0};
    const firn_keys_source source = {answer, &person};
    firn_keys_options options = FIRN_KEYS_OPTIONS_INIT;
    firn_keys_info info = FIRN_KEYS_INFO_INIT;
    firn_store_check_result report = FIRN_STORE_CHECK_RESULT_INIT;
    firn_store *store;
    options.source = &source;
    options.lock_timeout_ms = 0;
    place_init(&place);
    for (unsigned i = 1; i <= 3; i++) {
        make_store(&place, &person, FIRN_CIPHER_XCHACHA20_POLY1305);
        OK(open_store(&place, &person, FIRN_CIPHER_NONE, &store));
        OK(firn_store_flush(store, &err));
        assert_int_equal(firn_keys_rotate(place.store, &options, &err), FIRN_BUSY);
        OK(firn_store_close(store, &err));
        OK(firn_keys_rotate(place.store, &options, &err));
        OK(firn_keys_list(place.store, NULL, NULL, &info, &err));
        assert_int_equal(info.master_keys, i + 1);
    }
    OK(open_store(&place, &person, FIRN_CIPHER_NONE, &store));
    OK(firn_store_check(store, NULL, &report, &err));
    assert_int_equal(report.damaged_count, 0);
    OK(firn_store_close(store, &err));
    assert_opens(&place, KEY_A, FIRN_KEYS_FILE, FIRN_OK);
    remove_all(place.dir);
}

static void
all_keys_are_replaced_by_one(void **state)
{
    struct place place;
    struct person person = {KEY_A, FIRN_KEYS_FILE, 0, 0, 0};
    const firn_keys_source source = {answer, &person};
    firn_keys_options options = FIRN_KEYS_OPTIONS_INIT;
    firn_keys_info info = FIRN_KEYS_INFO_INIT;
    const firn_keys_secret secret = {FIRN_KEYS_FILE, firn_str(KEY_B)};
    const firn_keys_secret bad = {FIRN_KEYS_FILE, firn_str("too short")};
    char code[FIRN_KEYS_RECOVERY_SIZE];
    unsigned number;
    (void)state;
    options.source = &source;
    place_init(&place);
    make_store(&place, &person, FIRN_CIPHER_XCHACHA20_POLY1305);
    OK(firn_keys_add_recovery(place.store, NULL, &options, code, NULL, &err));
    assert_int_equal(firn_keys_replace(place.store, &bad, NULL, &options, &number, &err),
                     FIRN_INVALID);
    assert_opens(&place, KEY_A, FIRN_KEYS_FILE, FIRN_OK); /* nothing has changed */
    OK(firn_keys_replace(place.store, &secret, "the new one", &options, &number, &err));
    assert_opens(&place, KEY_A, FIRN_KEYS_FILE, FIRN_DENIED);
    assert_opens(&place, code, FIRN_KEYS_PASSPHRASE, FIRN_DENIED);
    assert_opens(&place, KEY_B, FIRN_KEYS_FILE, FIRN_OK);
    OK(firn_keys_list(place.store, NULL, NULL, &info, &err));
    assert_true(info.slots == 1 && info.master_keys == 2 && number == 3);
    remove_all(place.dir);
}

static void
count_notice(void *ctx, const firn_notice *notice)
{
    unsigned *count = ctx;
    assert_int_equal(notice->kind, FIRN_NOTICE_DAMAGED);
    (*count)++;
}

static void
a_locked_store_is_checked_without_a_question(void **state)
{
    struct place place;
    struct person person = {KEY_A, FIRN_KEYS_FILE, 0, 0, 0};
    unsigned notices = 0;
    char path[4200];
    firn_store_check_locked_options options = FIRN_STORE_CHECK_LOCKED_OPTIONS_INIT;
    firn_store_check_locked_result report = FIRN_STORE_CHECK_LOCKED_RESULT_INIT;
    firn_store *store;
    options.callbacks.on_notice = count_notice;
    options.callbacks.ctx = &notices;
    place_init(&place);
    assert_int_equal(firn_store_check_locked(place.store, &options, &report, &err), FIRN_NOT_FOUND);
    make_store(&place, &person, FIRN_CIPHER_XCHACHA20_POLY1305);
    OK(firn_store_check_locked(place.store, NULL, NULL, &err));
    OK(open_store(&place, &person, FIRN_CIPHER_NONE, &store));
    OK(firn_store_flush(store, &err));
    OK(firn_store_check_locked(place.store, &options, &report, &err)); /* beside the handle */
    OK(firn_store_close(store, &err));
    assert_true(report.files > 0 && report.blocks > 0 && report.log_records > 0);
    assert_int_equal(report.damaged_count + notices, 0);

    (void)snprintf(path, sizeof path, "%s/FIRN.keys", place.store);
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 200, SEEK_SET), 0);
    assert_true(fputs("damage", file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(firn_store_check_locked(place.store, &options, &report, &err), FIRN_CORRUPT);
    assert_true(report.damaged_count == 1 && notices == 1);
    assert_non_null(strstr(err.text, "FIRN.keys"));
    assert_int_equal(firn_store_check_locked("", &options, &report, &err), FIRN_INVALID);
    report.size = 0;
    assert_int_equal(firn_store_check_locked(place.store, &options, &report, &err), FIRN_INVALID);
    remove_all(place.dir);
}

/* It has the master keys of its opening. */
static void
a_reader_is_told_that_the_keys_were_rotated(void **state)
{
    struct place place;
    struct person person = {KEY_A, FIRN_KEYS_FILE, 0, 0, 0};
    const firn_keys_source source = {answer, &person};
    firn_store_options reading = FIRN_STORE_OPTIONS_INIT;
    firn_keys_options options = FIRN_KEYS_OPTIONS_INIT;
    firn_store *reader;
    options.source = &source;
    reading.key_source = &source;
    reading.read_only = true;
    place_init(&place);
    make_store(&place, &person, FIRN_CIPHER_XCHACHA20_POLY1305);
    OK(firn_store_open(place.store, &reading, &reader, &err));
    OK(firn_keys_rotate(place.store, &options, &err));
    OK(firn_store_refresh(reader, &err)); /* nothing was written with the new one */
    make_store(&place, &person, FIRN_CIPHER_NONE);
    assert_int_equal(firn_store_refresh(reader, &err), FIRN_DENIED);
    assert_non_null(strstr(err.text, "opened again"));
    OK(firn_store_close(reader, &err));
    OK(firn_store_open(place.store, &reading, &reader, &err));
    OK(firn_store_close(reader, &err));
    remove_all(place.dir);
}

static void
a_workspace_asks_once(void **state)
{
    struct place place;
    struct person person = {KEY_A, FIRN_KEYS_FILE, 0, 0, 0};
    const firn_keys_source source = {answer, &person};
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_workspace *workspace;
    char tree[96];
    char file[128];
    place_init(&place);
    (void)snprintf(tree, sizeof tree, "%s/tree", place.dir);
    (void)snprintf(file, sizeof file, "%s/file", tree);
    assert_int_equal(mkdir(tree, 0700), 0);
    options.store_path = place.store;
    options.is_root = true;
    options.cipher = FIRN_CIPHER_AUTOMATIC;
    options.key_source = &source;
    for (unsigned i = 0; i < 2; i++) {
        OK(firn_workspace_open(tree, &options, &workspace, &err));
        for (unsigned save = 0; save < 3; save++) {
            FILE *out = fopen(file, "w");
            assert_non_null(out);
            assert_true(fprintf(out, "%u %u\n", i, save) > 0);
            assert_int_equal(fclose(out), 0);
            OK(firn_workspace_save(workspace, NULL, NULL, &err));
        }
        OK(firn_workspace_restore(workspace, "latest~1", NULL, NULL, &err));
        firn_workspace_close(workspace);
        assert_int_equal(person.asked, i + 1);
        assert_int_equal(person.new_ones, 1);
    }
    person.secret = KEY_B;
    OK(firn_workspace_open(tree, &options, &workspace, &err));
    assert_int_equal(firn_workspace_save(workspace, NULL, NULL, &err), FIRN_DENIED);
    firn_workspace_close(workspace);
    remove_all(place.dir);
}

/* ---- cut points ---- */

enum { LARGE = 9 << 20 };

/* A file of noise, after so many other bytes. */
static void
put_large(const char *tree, size_t before)
{
    char path[128];
    uint64_t number = 1;
    static uint8_t noise[LARGE];
    for (size_t i = 0; i < LARGE; i++) {
        number = number * UINT64_C(6364136223846793005) + 1442695040888963407;
        noise[i] = (uint8_t)(number >> 56);
    }
    (void)snprintf(path, sizeof path, "%s/large", tree);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fwrite("12", 1, before, file) == before);
    assert_true(fwrite(noise, 1, sizeof noise, file) == sizeof noise);
    assert_int_equal(fclose(file), 0);
}

/* Opens the workspace and saves it: by how many bytes the store has grown. */
static uint64_t
save_large(const struct place *place, const char *tree, const firn_keys_source *source)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_workspace_save_result result = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    firn_workspace *workspace;
    options.store_path = place->store;
    options.is_root = true;
    options.cipher = FIRN_CIPHER_AUTOMATIC;
    options.key_source = source;
    OK(firn_workspace_open(tree, &options, &workspace, &err));
    OK(firn_workspace_save(workspace, NULL, &result, &err));
    const uint64_t added = result.checkpoint->added_bytes;
    firn_release(result.checkpoint);
    firn_workspace_close(workspace);
    return added;
}

static void
large_files_are_cut_alike_after_a_rotation(void **state)
{
    struct place place;
    struct person person = {KEY_A, FIRN_KEYS_FILE, 0, 0, 0};
    const firn_keys_source source = {answer, &person};
    firn_keys_options options = FIRN_KEYS_OPTIONS_INIT;
    char tree[96];
    options.source = &source;
    place_init(&place);
    (void)snprintf(tree, sizeof tree, "%s/tree", place.dir);
    assert_int_equal(mkdir(tree, 0700), 0);
    put_large(tree, 0);
    assert_true(save_large(&place, tree, &source) > LARGE);
    for (size_t before = 1; before <= 2; before++) {
        OK(firn_keys_rotate(place.store, &options, &err));
        put_large(tree, before);
        assert_in_range(save_large(&place, tree, &source), 1, LARGE / 20);
    }
    remove_all(place.dir);
}

static void
what_cannot_be_meant_is_refused(void **state)
{
    struct place place;
    struct person person = {KEY_A, FIRN_KEYS_FILE, 0, 0, 0};
    const firn_keys_secret nothing = {FIRN_KEYS_FILE, {NULL, 5}};
    const firn_keys_secret unknown = {(firn_keys_kind)9, firn_str(KEY_A)};
    firn_store *store;
    place_init(&place);
    assert_int_equal(open_store(&place, &person, (firn_cipher)77, &store), FIRN_INVALID);
    assert_int_equal(open_store(&place, NULL, FIRN_CIPHER_AUTOMATIC, &store), FIRN_DENIED);
    make_store(&place, &person, FIRN_CIPHER_XCHACHA20_POLY1305);
    assert_int_equal(firn_keys_add("", &unknown, NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_keys_add(place.store, &unknown, NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_keys_add(place.store, &nothing, NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_keys_add(place.store, NULL, NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_keys_add_recovery(place.store, NULL, NULL, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_string_equal(firn_cipher_name(FIRN_CIPHER_NONE), "none");
    assert_string_equal(firn_cipher_name(FIRN_CIPHER_AES_256_GCM), "AES-256-GCM");
    assert_string_equal(firn_cipher_name((firn_cipher)77), "unknown");
    firn_store_options memory = FIRN_STORE_OPTIONS_INIT;
    memory.cipher = FIRN_CIPHER_AUTOMATIC;
    assert_int_equal(firn_store_open_memory(UINT64_MAX, &memory, &store, &err), FIRN_INVALID);
    remove_all(place.dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_asks_for_its_key),
        cmocka_unit_test(a_store_in_clear_has_no_keys),
        cmocka_unit_test(slots_come_change_and_go),
        cmocka_unit_test(after_a_rotation_old_and_new_files_are_read),
        cmocka_unit_test(all_keys_are_replaced_by_one),
        cmocka_unit_test(a_locked_store_is_checked_without_a_question),
        cmocka_unit_test(a_reader_is_told_that_the_keys_were_rotated),
        cmocka_unit_test(a_workspace_asks_once),
        cmocka_unit_test(large_files_are_cut_alike_after_a_rotation),
        cmocka_unit_test(what_cannot_be_meant_is_refused),
    };
    return cmocka_run_group_tests_name("encryption_api", tests, NULL, NULL);
}
