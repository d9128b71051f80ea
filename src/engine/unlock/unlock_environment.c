/* SPDX-License-Identifier: Apache-2.0
 *
 * unlock/unlock_environment.c: FIRN_KEY_FILE and FIRN_KEY_COMMAND, and before them, for the keys of
 * a remote, FIRN_REMOTE_KEY_FILE and FIRN_REMOTE_KEY_COMMAND.
 *
 * A key file may be readable by others than its owner. ssh refuses such private keys, which lie in
 * a home directory for years. A key file is as often a secret that a container has mounted:
 * Kubernetes mounts secrets with mode 0644, Docker with 0444, both as root's, in a file system that
 * only the container sees. To refuse them would make people copy the key to another file. Who
 * may read the file is the user's decision.
 *
 * The command is as trusted as the environment, which could name another PATH as well. Its standard
 * input is /dev/null; a program that asks a person opens the terminal itself. What it prints is
 * read to memory for secrets and shown in no text, even if it fails. The command runs
 * with its own variable unset: one that opens an encrypted store would otherwise start itself again
 * without end. The other one stays: the key of a remote may be in an encrypted store.
 */
#include "unlock/unlock_environment.h"

#include "base/check.h"
#include "os/os_secret.h"
#include "posix/os_command.h"
#include "posix/os_user_file.h"

/* A passphrase and a line feed. */
enum { OUTPUT_SIZE_MAX = FI_CIPHER_PASSPHRASE_SIZE_MAX + 1 };
#define TIMEOUT_NS (FI_UNLOCK_TIMEOUT_S * INT64_C(1000000000))

static const char *
value_of(struct fi_os *os, const char *variable)
{
    const char *value = fi_os_environment(os, variable);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int
read_file(struct fi_os *os, const char *path, const struct fi_step *step,
          struct fi_unlock_environment *out, firn_error *err)
{
    const struct fi_os_stream_limits limits = {
        .size_max = FI_KEYS_FILE_SIZE_MAX, .timeout_ns = TIMEOUT_NS, .step = step};
    FI_TRY_RETURN(fi_os_secret_allocate(FI_KEYS_FILE_SIZE_MAX, &out->memory, err));
    struct fi_buf buf = fi_buf_borrowed(out->memory, FI_KEYS_FILE_SIZE_MAX);
    FI_TRY_RETURN(fi_os_user_file_read(os, path, &limits, &buf, err));
    CHECK(buf.data == out->memory); /* or a copy would stay */
    out->size = buf.size;
    return FIRN_OK;
}

/* What runs the command that a variable names, without the variable. The command is in no argument:
 * other users see those. */
#define WITHOUT(variable) "firn=$" variable "; unset " variable "; eval \"$firn\""

static int
run_command(struct fi_os *os, const char *script, const struct fi_step *step,
            struct fi_unlock_environment *out, firn_error *err)
{
    const char *const words[] = {"/bin/sh", "-c", script, NULL};
    const struct fi_os_stream_limits limits = {
        .size_max = OUTPUT_SIZE_MAX, .timeout_ns = TIMEOUT_NS, .step = step};
    FI_TRY_RETURN(fi_os_secret_allocate(OUTPUT_SIZE_MAX, &out->memory, err));
    struct fi_buf buf = fi_buf_borrowed(out->memory, OUTPUT_SIZE_MAX);
    FI_TRY_RETURN(fi_os_command_run(os, words, &limits, &buf, err));
    CHECK(buf.data == out->memory);
    out->size = buf.size;
    if (out->size > 0 && buf.data[out->size - 1] == '\n') {
        out->size--;
    }
    return FIRN_OK;
}

struct variable {
    const char *name;
    enum fi_keys_kind kind;
    const char *script; /* that runs a command */
};

/* In the order in which they count; the first two for remotes. */
static const struct variable variables[] = {
    {"FIRN_REMOTE_KEY_FILE", FI_KEYS_FILE, NULL},
    {"FIRN_REMOTE_KEY_COMMAND", FI_KEYS_PASSPHRASE, WITHOUT("FIRN_REMOTE_KEY_COMMAND")},
    {"FIRN_KEY_FILE", FI_KEYS_FILE, NULL},
    {"FIRN_KEY_COMMAND", FI_KEYS_PASSPHRASE, WITHOUT("FIRN_KEY_COMMAND")},
};
enum { OF_REMOTES = 2 };

int
fi_unlock_environment_get(struct fi_os *os, bool is_remote, const struct fi_step *step,
                          struct fi_unlock_environment *out, firn_error *err)
{
    *out = (struct fi_unlock_environment){0};
    for (size_t i = is_remote ? 0 : OF_REMOTES; i < sizeof variables / sizeof variables[0]; i++) {
        const struct variable *variable = &variables[i];
        const char *value = value_of(os, variable->name);
        if (value != NULL) {
            out->variable = variable->name;
            out->kind = variable->kind;
            return variable->script == NULL ? read_file(os, value, step, out, err)
                                            : run_command(os, variable->script, step, out, err);
        }
    }
    return FIRN_OK;
}
