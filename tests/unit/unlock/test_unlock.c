/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/unlock: what opens the keys of a store, in which order, and what is said where nothing does.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "cipher/cipher.h"
#include "os/os_secret.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test_fault.h"
#include "support/test_os.h"
#include "support/test_temp.h"
#include "unlock_fixture.h"

static firn_error err;
static bool has_session;
static char directory[TEST_TEMP_SIZE];
static char key_path[128];
static uint8_t key_bytes[UNLOCK_FIXTURE_FILE_SIZE];

static void
write_file(const char *path, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    (void)close(fd);
}

/* Locked keys with a slot of each kind. */
static struct fi_keys *
make_locked(void)
{
    struct fi_keys *keys;
    OK(fi_keys_create(fi_os_default(), &keys, &err));
    unlock_fixture_add(keys, FI_KEYS_PASSPHRASE, "right", 5);
    unlock_fixture_add(keys, FI_KEYS_FILE, key_bytes, sizeof key_bytes);
    unlock_fixture_add(keys, FI_KEYS_RECOVERY, UNLOCK_FIXTURE_CODE, strlen(UNLOCK_FIXTURE_CODE));
    struct fi_keys *locked = unlock_fixture_reread(keys);
    fi_keys_destroy(keys);
    return locked;
}

static int
begin(void **state)
{
    (void)state;
    has_session = unlock_fixture_begin();
    return 0;
}

static void
set(const char *variable, const char *value)
{
    assert_int_equal(setenv(variable, value, 1), 0);
}

static int
unlock(struct fi_keys *keys, const struct fi_unlock_source *source)
{
    return fi_unlock_keys(fi_os_default(), "/some/store", keys, source, &err);
}

/* Fails with FIRN_DENIED and this text, and the keys stay locked. */
static void
assert_denied(struct fi_keys *keys, const struct fi_unlock_source *source, const char *what)
{
    FAILS(unlock(keys, source), FIRN_DENIED, what);
    assert_false(fi_keys_is_unlocked(keys));
    assert_non_null(strstr(err.text, "'/some/store'"));
}

/* ==== the source ==== */

struct answers {
    const char *texts[4]; /* one an attempt; NULL: nobody is there */
    enum fi_keys_kind kind;
    unsigned asked;
};

static int
answer(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
       firn_error *error)
{
    struct answers *answers = ctx;
    assert_string_equal(request->path, "/some/store");
    assert_int_equal(request->attempt, ++answers->asked);
    assert_int_equal(out->size, 0);
    assert_int_equal(out->kind, FI_KEYS_PASSPHRASE);
    const char *text = answers->texts[request->attempt - 1];
    if (text == NULL) {
        return FIRN_NOT_FOUND;
    }
    if (strcmp(text, "stop") == 0) {
        return fi_error_set(error, FIRN_CANCELLED, "stopped");
    }
    if (strcmp(text, "too much") == 0) {
        out->size = FI_UNLOCK_SECRET_SIZE_MAX + 1;
        return FIRN_OK;
    }
    out->size = strlen(text);
    memcpy(out->bytes, text, out->size);
    if (answers->kind == FI_KEYS_FILE) {
        out->kind = FI_KEYS_FILE;
        out->size = sizeof key_bytes;
        memcpy(out->bytes, key_bytes, out->size);
    }
    return FIRN_OK;
}

static void
without_a_key_the_text_says_what_to_do(void **state)
{
    (void)state;
    struct answers nobody = {{NULL}, 0, 0};
    const struct fi_unlock_source source = {.get = answer, .ctx = &nobody, .step = NULL};
    const struct fi_unlock_source only_a_step = {.get = NULL};
    struct fi_keys *keys = make_locked();
    assert_denied(keys, NULL, "no key was given: set FIRN_KEY_FILE");
    assert_non_null(strstr(err.text, "FIRN_KEY_COMMAND"));
    assert_non_null(strstr(err.text, "firn key unlock"));
    assert_denied(keys, &source, "no key was given");
    assert_int_equal(nobody.asked, 1);
    assert_denied(keys, &only_a_step, "no key was given");
    set("FIRN_KEY_FILE", "");
    set("FIRN_KEY_COMMAND", "");
    assert_denied(keys, NULL, "no key was given");
    fi_keys_destroy(keys);
}

static void
a_source_is_asked_up_to_three_times(void **state)
{
    (void)state;
    static const struct {
        struct answers answers;
        int wanted;
        unsigned asked;
    } cases[] = {
        {{{"right"}, 0, 0}, FIRN_OK, 1},
        {{{"wrong", "", "right"}, 0, 0}, FIRN_OK, 3},
        {{{"wrong", "Right", "right ", "right"}, 0, 0}, FIRN_DENIED, 3},
        {{{"wrong", "stop"}, 0, 0}, FIRN_CANCELLED, 2},
        {{{"wrong", NULL}, 0, 0}, FIRN_DENIED, 2},
        {{{"too much"}, 0, 0}, FIRN_INTERNAL, 1},
        {{{""}, FI_KEYS_FILE, 0}, FIRN_OK, 1},
        {{{"s34w0 njycg sq7cd zm6h1 tb9xe 9nepq tzcdv kppvy"}, 0, 0}, FIRN_OK, 1},
        {{{"s34w0 njycg sq7cd zm6h1 tb9xe 9nepq tzcdv kppvz", "stop"}, 0, 0}, FIRN_CANCELLED, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answers answers = cases[i].answers;
        const struct fi_unlock_source source = {.get = answer, .ctx = &answers, .step = NULL};
        struct fi_keys *keys = make_locked();
        assert_int_equal(unlock(keys, &source), cases[i].wanted);
        assert_int_equal(answers.asked, cases[i].asked);
        assert_int_equal(fi_keys_is_unlocked(keys), cases[i].wanted == FIRN_OK);
        OK(fi_keys_is_unlocked(keys) ? unlock(keys, NULL) : FIRN_OK); /* they stay so */
        fi_keys_destroy(keys);
    }
}

static void
keys_without_a_slot_of_the_kind_are_told(void **state)
{
    struct fi_keys *keys;
    (void)state;
    OK(fi_keys_create(fi_os_default(), &keys, &err));
    unlock_fixture_add(keys, FI_KEYS_FILE, key_bytes, sizeof key_bytes);
    struct fi_keys *locked = unlock_fixture_reread(keys);
    struct answers answers = {{"right"}, 0, 0};
    const struct fi_unlock_source source = {.get = answer, .ctx = &answers, .step = NULL};
    assert_denied(locked, &source, "no slot of the keys file has a passphrase");
    assert_int_equal(answers.asked, 1);
    answers = (struct answers){{UNLOCK_FIXTURE_CODE}, 0, 0};
    assert_denied(locked, &source, "no slot of the keys file has a passphrase");
    set("FIRN_KEY_COMMAND", "echo right");
    assert_denied(locked, NULL, "FIRN_KEY_COMMAND: no slot of the keys file has a passphrase");
    fi_keys_destroy(locked);
    fi_keys_destroy(keys);
}

/* ==== the environment ==== */

static void
a_key_file_opens(void **state)
{
    char path[160];
    (void)state;
    set("FIRN_KEY_FILE", key_path);
    set("FIRN_KEY_COMMAND", "echo wrong"); /* is not run */
    struct fi_keys *keys = make_locked();
    OK(unlock(keys, NULL));
    assert_true(fi_keys_is_unlocked(keys));
    fi_keys_destroy(keys);

    /* A wrong one ends it: nothing else is tried. */
    struct answers answers = {{"right"}, 0, 0};
    const struct fi_unlock_source source = {.get = answer, .ctx = &answers, .step = NULL};
    keys = make_locked();
    snprintf(path, sizeof path, "%s/wrong", directory);
    write_file(path, "another key file, of more than 32 bytes", 39);
    set("FIRN_KEY_FILE", path);
    set("FIRN_KEY_COMMAND", "echo right");
    assert_denied(keys, &source, "FIRN_KEY_FILE: this key file opens no slot");
    assert_null(strstr(err.text, "another key"));
    write_file(path, "short", 5);
    assert_denied(keys, &source, "FIRN_KEY_FILE: a key file has 32 to 1048576 bytes");
    assert_int_equal(truncate(path, FI_KEYS_FILE_SIZE_MAX), 0);
    assert_denied(keys, &source, "FIRN_KEY_FILE: this key file opens no slot");
    assert_int_equal(truncate(path, FI_KEYS_FILE_SIZE_MAX + 1), 0);
    assert_denied(keys, &source, "FIRN_KEY_FILE: ");
    assert_non_null(strstr(err.text, "gives more than 1048576 bytes"));
    set("FIRN_KEY_FILE", "/nowhere/key");
    assert_denied(keys, &source, "FIRN_KEY_FILE: could not open '/nowhere/key'");
    set("FIRN_KEY_FILE", directory);
    assert_denied(keys, &source, "neither a regular file nor a fifo");
    assert_int_equal(answers.asked, 0);
    (void)unlink(path);
    fi_keys_destroy(keys);
}

static void
a_key_file_may_be_a_fifo(void **state)
{
    char path[160];
    int status;
    (void)state;
    snprintf(path, sizeof path, "%s/fifo", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    set("FIRN_KEY_FILE", path);
    struct fi_keys *keys = make_locked();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int fd = open(path, O_WRONLY);
        _exit(write(fd, key_bytes, sizeof key_bytes) != sizeof key_bytes);
    }
    OK(unlock(keys, NULL));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    (void)unlink(path);
    fi_keys_destroy(keys);
}

static void
a_command_gives_a_passphrase(void **state)
{
    static const char *const right[] = {
        "echo right",
        "printf right",
        "printf 'ri'; sleep 0.1; printf 'ght\\n'",
        "cat; echo right", /* it has nothing to read */
        ("echo " UNLOCK_FIXTURE_CODE),
    };
    static const struct {
        const char *command;
        const char *text;
    } wrong[] = {
        {"echo wrong-", "FIRN_KEY_COMMAND: this passphrase opens no slot"},
        {"printf 'right\\n\\n'", "this passphrase opens no slot"},
        {"printf 'right\\r\\n'", "this passphrase opens no slot"},
        {"printf ''", "a passphrase has 1 to 1024 bytes"},
        {"echo", "a passphrase has 1 to 1024 bytes"},
        {"echo right; exit 3", "'/bin/sh' failed with exit code 3"},
        {"echo right; kill -TERM $$", "was ended by signal 15"},
        {"no-such-program-wrong- 2>&-", "failed with exit code 127"},
        {"head -c 1024 /dev/zero", "this passphrase opens no slot"},
        {"head -c 1026 /dev/zero", "gives more than 1025 bytes"},
        {"yes", "gives more than 1025 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        struct fi_keys *keys = make_locked();
        set("FIRN_KEY_COMMAND", right[i]);
        OK(unlock(keys, NULL));
        assert_true(fi_keys_is_unlocked(keys));
        fi_keys_destroy(keys);
    }
    struct answers answers = {{"right"}, 0, 0};
    const struct fi_unlock_source source = {.get = answer, .ctx = &answers, .step = NULL};
    struct fi_keys *keys = make_locked();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        set("FIRN_KEY_COMMAND", wrong[i].command);
        assert_denied(keys, &source, wrong[i].text);
        assert_non_null(strstr(err.text, "FIRN_KEY_COMMAND: "));
        assert_null(strstr(err.text, "wrong-")); /* nothing that it prints, nor itself */
    }
    assert_int_equal(answers.asked, 0);
    fi_keys_destroy(keys);
}

static int
stop_at_once(void *ctx, uint64_t files, uint64_t bytes, firn_error *error)
{
    (void)files;
    (void)bytes;
    return ++*(unsigned *)ctx < 2 ? FIRN_OK : fi_error_set(error, FIRN_CANCELLED, "interrupted");
}

static void
waiting_for_the_environment_can_be_stopped(void **state)
{
    char path[160];
    unsigned told = 0;
    const struct fi_step step = {stop_at_once, &told};
    const struct fi_unlock_source source = {.step = &step};
    (void)state;
    struct fi_keys *keys = make_locked();
    set("FIRN_KEY_COMMAND", "exec sleep 60");
    FAILS(unlock(keys, &source), FIRN_CANCELLED, "interrupted");
    snprintf(path, sizeof path, "%s/fifo", directory);
    assert_int_equal(mkfifo(path, 0600), 0);
    set("FIRN_KEY_FILE", path);
    told = 0;
    FAILS(unlock(keys, &source), FIRN_CANCELLED, "interrupted");
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none is left */
    (void)unlink(path);
    fi_keys_destroy(keys);
}

/* It has no environment and no keyring, and files as any other. */
static void
a_simulated_machine_asks_its_source(void **state)
{
    struct fi_os *os;
    struct answers answers = {{"right"}, 0, 0};
    const struct fi_unlock_source source = {.get = answer, .ctx = &answers, .step = NULL};
    (void)state;
    set("FIRN_KEY_FILE", key_path);
    OK(fi_sim_memory_create(1, &os, &err));
    struct fi_keys *keys = make_locked();
    FAILS(fi_unlock_keys(os, "/some/store", keys, NULL, &err), FIRN_DENIED, "no key was given");
    OK(fi_unlock_keys(os, "/some/store", keys, &source, &err));
    FAILS(fi_unlock_remember(os, keys, 10, &err), FIRN_UNSUPPORTED, "no keyrings");
    FAILS(fi_unlock_forget(os, NULL, NULL, &err), FIRN_UNSUPPORTED, "no keyrings");
    fi_keys_destroy(keys);
    fi_sim_memory_destroy(os);
}

/* ==== stores in other places ==== */

static void
a_source_may_count_alone(void **state)
{
    struct answers answers = {{"right"}, 0, 0};
    const struct fi_unlock_source source = {.get = answer, .ctx = &answers, .is_only = true};
    const struct fi_unlock_source empty = {.is_only = true};
    struct fi_keys *made;
    (void)state;
    set("FIRN_KEY_FILE", "/no/such/file");
    struct fi_keys *keys = make_locked();
    FAILS(fi_unlock_keys(fi_os_default(), "/s", keys, NULL, &err), FIRN_DENIED, "FIRN_KEY_FILE");
    OK(fi_unlock_keys(fi_os_default(), "/some/store", keys, &source, &err));
    fi_keys_destroy(keys);
    set("FIRN_KEY_FILE", key_path);
    FAILS(fi_unlock_new_keys(fi_os_default(), "/s", &empty, &made, &err), FIRN_DENIED,
          "none was given for it");
}

/* As of a store in an exported file. */
static void
the_machine_and_the_path_may_be_others(void **state)
{
    const struct fi_unlock_source source = {.os = fi_os_default(), .path = "/seen"};
    struct fi_os *os;
    (void)state;
    set("FIRN_KEY_FILE", key_path);
    OK(fi_sim_memory_create(1, &os, &err));
    struct fi_keys *keys = make_locked();
    OK(fi_unlock_keys(os, "/inner", keys, &source, &err));
    fi_keys_destroy(keys);
    set("FIRN_KEY_FILE", "/no/such/file");
    keys = make_locked();
    FAILS(fi_unlock_keys(os, "/inner", keys, &source, &err), FIRN_DENIED, "'/seen'");
    fi_keys_destroy(keys);
    fi_sim_memory_destroy(os);
}

/* ==== the session keyring ==== */

static bool
can_remember(const struct fi_keys *keys)
{
    int rc = has_session ? fi_unlock_remember(fi_os_default(), keys, 60, &err) : FIRN_UNSUPPORTED;
    if (rc == FIRN_UNSUPPORTED) {
        puts("SKIPPED: keys in the session keyring: the kernel refuses it here");
    }
    return rc != FIRN_UNSUPPORTED;
}

static void
remembered_keys_open_without_a_secret(void **state)
{
    struct fi_os *os = fi_os_default();
    struct answers answers = {{"right"}, 0, 0};
    const struct fi_unlock_source source = {.get = answer, .ctx = &answers, .step = NULL};
    size_t count;
    (void)state;
    struct fi_keys *keys = make_locked();
    struct fi_keys *other = make_locked();
    FAILS(fi_unlock_remember(os, keys, 60, &err), FIRN_MISUSE, "locked");
    OK(unlock(keys, &source));
    FAILS(fi_unlock_remember(os, keys, 0, &err), FIRN_INVALID, "a second or longer");
    if (can_remember(keys)) {
        OK(fi_unlock_remember(os, keys, 60, &err));
        set("FIRN_KEY_COMMAND", "echo wrong"); /* comes after it */
        struct fi_keys *again = unlock_fixture_reread(keys);
        OK(unlock(again, NULL));
        assert_true(fi_keys_is_unlocked(again));
        fi_keys_destroy(again);
        assert_denied(other, NULL, "FIRN_KEY_COMMAND");
        (void)unsetenv("FIRN_KEY_COMMAND");
        assert_denied(other, NULL, "no key was given");

        again = unlock_fixture_reread(keys);
        OK(fi_unlock_forget(os, fi_keys_id(other), &count, &err));
        assert_int_equal(count, 0);
        OK(fi_unlock_forget(os, fi_keys_id(keys), &count, &err));
        assert_int_equal(count, 1);
        assert_denied(again, NULL, "no key was given");
        answers.asked = 0;
        OK(unlock(other, &source));
        OK(fi_unlock_remember(os, keys, 60, &err));
        OK(fi_unlock_remember(os, other, 60, &err));
        OK(fi_unlock_forget(os, NULL, &count, &err));
        assert_int_equal(count, 2);
        assert_denied(again, NULL, "no key was given");
        fi_keys_destroy(again);
    }
    fi_keys_destroy(other);
    fi_keys_destroy(keys);
}

/* The kernel has a key that opens the file no more, or something else of the name. */
static void
what_does_not_open_is_passed_over(void **state)
{
    struct fi_os *os = fi_os_default();
    char name[64] = "firn:";
    struct answers answers = {{"right"}, 0, 0};
    const struct fi_unlock_source source = {.get = answer, .ctx = &answers, .step = NULL};
    (void)state;
    struct fi_keys *keys = make_locked();
    OK(unlock(keys, &source));
    if (can_remember(keys)) {
        OK(fi_keys_renew(keys, os, &err));
        unlock_fixture_add(keys, FI_KEYS_PASSPHRASE, "right", 5);
        struct fi_keys *renewed = unlock_fixture_reread(keys);
        assert_denied(renewed, NULL, "no key was given");
        answers.asked = 0;
        OK(unlock(renewed, &source));
        fi_keys_destroy(renewed);
        for (size_t i = 0; i < FI_KEYS_ID_SIZE; i++) {
            snprintf(name + 5 + 2 * i, 3, "%02x", fi_keys_id(keys)[i]);
        }
        for (size_t size = 1; size < 60; size += 28) {
            assert_true(
                syscall(SYS_add_key, "user", name, key_bytes, size, KEY_SPEC_SESSION_KEYRING) > 0);
            renewed = unlock_fixture_reread(keys);
            assert_denied(renewed, NULL, "no key was given");
            fi_keys_destroy(renewed);
        }
    }
    fi_keys_destroy(keys);
}

/* A store and its remote may have different keys. */
static void
variables_of_remotes_are_for_remotes(void **state)
{
    static const struct fi_unlock_source remote = {.is_remote = true};
    struct fi_keys *made;
    (void)state;
    struct fi_keys *keys = make_locked();
    assert_denied(keys, &remote, "no key was given: set FIRN_REMOTE_KEY_FILE");
    assert_non_null(strstr(err.text, "FIRN_REMOTE_KEY_COMMAND"));
    assert_non_null(strstr(err.text, "firn key unlock --remote"));
    FAILS(fi_unlock_new_keys(fi_os_default(), "/some/store", &remote, &made, &err), FIRN_DENIED,
          "FIRN_REMOTE_KEY_FILE");

    set("FIRN_REMOTE_KEY_COMMAND", "echo right");
    assert_denied(keys, NULL, "no key was given: set FIRN_KEY_FILE");
    OK(unlock(keys, &remote));
    fi_keys_destroy(keys);

    keys = make_locked();
    set("FIRN_KEY_FILE", "/nowhere"); /* what is for remotes comes first */
    OK(unlock(keys, &remote));
    fi_keys_destroy(keys);
    keys = make_locked();
    set("FIRN_REMOTE_KEY_FILE", key_path);
    set("FIRN_REMOTE_KEY_COMMAND", "echo wrong");
    OK(unlock(keys, &remote));
    fi_keys_destroy(keys);

    keys = make_locked(); /* and what is for all counts for remotes, too */
    set("FIRN_REMOTE_KEY_FILE", "");
    set("FIRN_REMOTE_KEY_COMMAND", "");
    set("FIRN_KEY_FILE", key_path);
    OK(unlock(keys, &remote));
    fi_keys_destroy(keys);

    keys = make_locked(); /* a command finds the variables of the others */
    set("FIRN_REMOTE_KEY_COMMAND",
        "test -z \"$FIRN_REMOTE_KEY_COMMAND\" && test -n \"$FIRN_KEY_FILE\" && echo right");
    OK(unlock(keys, &remote));
    fi_keys_destroy(keys);
    set("FIRN_REMOTE_KEY_COMMAND", "echo new");
    OK(fi_unlock_new_keys(fi_os_default(), "/some/store", &remote, &made, &err));
    keys = unlock_fixture_reread(made);
    OK(unlock(keys, &remote));
    fi_keys_destroy(keys);
    fi_keys_destroy(made);
}

/* For keys of which there may be a later version: whose secret was wrong, and asking once. */
static void
what_was_wrong_is_told(void **state)
{
    struct fi_unlock_wrong wrong = {.environment = false};
    struct answers answers = {{"wrong", "wrong", "wrong"}, 0, 0};
    struct fi_unlock_source source = {.get = answer, .ctx = &answers, .wrong = &wrong};
    (void)state;
    struct fi_keys *keys = make_locked();
    source.attempts_max = 1;
    assert_denied(keys, &source, "no slot");
    assert_int_equal(answers.asked, 1);
    assert_true(wrong.source && !wrong.environment);

    answers = (struct answers){{NULL}, 0, 0};
    wrong = (struct fi_unlock_wrong){.environment = false};
    assert_denied(keys, &source, "no key was given");
    assert_false(wrong.source || wrong.environment);

    set("FIRN_KEY_COMMAND", "echo wrong");
    assert_denied(keys, &source, "no slot");
    assert_true(wrong.environment && !wrong.source);

    wrong = (struct fi_unlock_wrong){.environment = false};
    set("FIRN_KEY_COMMAND", "echo right");
    OK(unlock(keys, &source));
    assert_false(wrong.source || wrong.environment);
    fi_keys_destroy(keys);
}

/* ==== what a store is opened with ==== */

static void
a_keyring_has_all_master_keys(void **state)
{
    struct fi_os *os = fi_os_default();
    struct answers answers = {{"right"}, 0, 0};
    const struct fi_unlock_source source = {.get = answer, .ctx = &answers, .step = NULL};
    static const uint8_t identity[FI_CIPHER_DERIVE_ID_SIZE] = {1, 2, 3};
    struct fi_cipher_keyring *old;
    struct fi_cipher_keyring *full;
    struct fi_cipher_keyring_use old_use;
    struct fi_cipher_keyring_use new_use;
    struct fi_cipher_key *key;
    (void)state;
    struct fi_keys *keys = make_locked();
    FAILS(fi_unlock_keyring(keys, FI_CIPHER_XCHACHA20_POLY1305, &old, &err), FIRN_MISUSE, "locked");
    assert_null(old);
    OK(unlock(keys, &source));
    FAILS(fi_unlock_keyring(keys, 99, &old, &err), FIRN_NEWER, "99");
    OK(fi_unlock_keyring(keys, FI_CIPHER_XCHACHA20_POLY1305, &old, &err));
    for (size_t i = 1; i < FI_KEYS_MASTERS_MAX; i++) {
        OK(fi_keys_rotate(keys, os, &err));
    }
    OK(fi_unlock_keyring(keys, FI_CIPHER_XCHACHA20_POLY1305, &full, &err));
    OK(fi_cipher_keyring_file_begin(old, identity, &old_use, &key, &err));
    fi_cipher_key_destroy(key);
    OK(fi_cipher_keyring_file_begin(full, identity, &new_use, &key, &err));
    fi_cipher_key_destroy(key);
    assert_int_equal(old_use.number, 1);
    assert_int_equal(new_use.number, FI_KEYS_MASTERS_MAX);
    OK(fi_cipher_keyring_file_open(full, &old_use, identity, &key, &err));
    fi_cipher_key_destroy(key);
    FAILS(fi_cipher_keyring_file_open(old, &new_use, identity, &key, &err), FIRN_DENIED, "");
    /* All owners of a keyring get what it is extended with. */
    struct fi_cipher_keyring *owner = fi_cipher_keyring_retain(fi_cipher_keyring_seal(old));
    OK(fi_unlock_keyring_extend(keys, old, &err));
    OK(fi_cipher_keyring_file_open(owner, &new_use, identity, &key, &err));
    fi_cipher_key_destroy(key);
    OK(fi_cipher_keyring_file_open(owner, &old_use, identity, &key, &err));
    fi_cipher_key_destroy(key);
    OK(fi_cipher_keyring_file_begin(owner, identity, &new_use, &key, &err));
    fi_cipher_key_destroy(key);
    assert_int_equal(new_use.number, FI_KEYS_MASTERS_MAX);
    fi_cipher_keyring_destroy(owner);
    fi_cipher_keyring_destroy(full);
    fi_cipher_keyring_destroy(old);
    fi_keys_destroy(keys);
}

/* ==== faults ==== */

static void
memory_that_runs_out_leaves_nothing_behind(void **state)
{
    static const char *const ways[] = {"FIRN_KEY_FILE", "FIRN_KEY_COMMAND", NULL};
    (void)state;
    struct fi_keys *made = make_locked();
    struct answers answers = {{"right"}, 0, 0};
    const struct fi_unlock_source source = {.get = answer, .ctx = &answers, .step = NULL};
    OK(unlock(made, &source));
    for (size_t i = 0; i < 3; i++) {
        struct test_fault fault = {.counts = true};
        (void)unlock_fixture_begin();
        if (ways[i] != NULL) {
            set(ways[i], i == 0 ? key_path : "echo right");
        }
        while (test_fault_next(&fault)) {
            struct fi_cipher_keyring *keyring = NULL;
            struct fi_keys *keys = unlock_fixture_reread(made);
            answers.asked = 0;
            test_fault_allocation(&fault);
            int rc = unlock(keys, &source);
            rc = rc == FIRN_OK
                     ? fi_unlock_keyring(keys, FI_CIPHER_XCHACHA20_POLY1305, &keyring, &err)
                     : rc;
            rc = rc == FIRN_OK ? fi_unlock_keyring_extend(keys, keyring, &err) : rc;
            test_fault_end(&fault);
            test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
            fi_cipher_keyring_destroy(keyring);
            fi_keys_destroy(keys);
        }
    }
    fi_keys_destroy(made);
}

static void
a_key_file_that_cannot_be_read_is_a_denial(void **state)
{
    struct test_fault fault = {.classes = 0};
    struct fi_os *os;
    (void)state;
    set("FIRN_KEY_FILE", key_path);
    OK(fi_sim_fault_create(fi_os_default(), &os, &err));
    while (test_fault_next(&fault)) {
        struct fi_keys *keys = make_locked();
        test_fault_call(&fault, os);
        int rc = fi_unlock_keys(os, "/some/store", keys, NULL, &err);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_DENIED);
        assert_int_equal(fi_keys_is_unlocked(keys), rc == FIRN_OK);
        fi_keys_destroy(keys);
    }
    assert_true(fault.refused >= 3); /* opening the directory, the file, and reading */
    fi_sim_fault_destroy(os);
}

/* ==== children of fork ==== */

static void
a_child_of_fork_is_locked_out(void **state)
{
    int status;
    struct answers answers = {{"right"}, 0, 0};
    const struct fi_unlock_source source = {.get = answer, .ctx = &answers, .step = NULL};
    (void)state;
    struct fi_keys *keys = make_locked();
    OK(unlock(keys, &source));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct fi_cipher_keyring *keyring;
        answers.asked = 0;
        _exit(fi_keys_is_unlocked(keys)                                            ? 1
              : unlock(keys, &source) != FIRN_MISUSE                               ? 2
              : fi_unlock_remember(fi_os_default(), keys, 60, &err) != FIRN_MISUSE ? 3
              : fi_unlock_keyring(keys, FI_CIPHER_XCHACHA20_POLY1305, &keyring, &err) != FIRN_MISUSE
                  ? 4
                  : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    fi_keys_destroy(keys);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_a_key_the_text_says_what_to_do, begin),
        cmocka_unit_test_setup(a_source_is_asked_up_to_three_times, begin),
        cmocka_unit_test_setup(keys_without_a_slot_of_the_kind_are_told, begin),
        cmocka_unit_test_setup(a_key_file_opens, begin),
        cmocka_unit_test_setup(a_key_file_may_be_a_fifo, begin),
        cmocka_unit_test_setup(a_command_gives_a_passphrase, begin),
        cmocka_unit_test_setup(waiting_for_the_environment_can_be_stopped, begin),
        cmocka_unit_test_setup(a_simulated_machine_asks_its_source, begin),
        cmocka_unit_test_setup(a_source_may_count_alone, begin),
        cmocka_unit_test_setup(the_machine_and_the_path_may_be_others, begin),
        cmocka_unit_test_setup(remembered_keys_open_without_a_secret, begin),
        cmocka_unit_test_setup(what_does_not_open_is_passed_over, begin),
        cmocka_unit_test_setup(variables_of_remotes_are_for_remotes, begin),
        cmocka_unit_test_setup(what_was_wrong_is_told, begin),
        cmocka_unit_test_setup(a_keyring_has_all_master_keys, begin),
        cmocka_unit_test_setup(memory_that_runs_out_leaves_nothing_behind, begin),
        cmocka_unit_test_setup(a_key_file_that_cannot_be_read_is_a_denial, begin),
        cmocka_unit_test_setup(a_child_of_fork_is_locked_out, begin),
    };
    if (fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, &err) != FIRN_OK) {
        printf("SKIPPED: unlock: %s\n", err.text);
        return 0;
    }
    test_temp_make(directory, sizeof directory);
    snprintf(key_path, sizeof key_path, "%s/key", directory);
    for (size_t i = 0; i < sizeof key_bytes; i++) {
        key_bytes[i] = (uint8_t)(i * 37 + 11);
    }
    write_file(key_path, key_bytes, sizeof key_bytes);
    int failed = cmocka_run_group_tests_name("unlock", tests, NULL, NULL);
    (void)unlink(key_path);
    (void)rmdir(directory);
    return failed;
}
