/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log/log_support.c
 */
#include "log_support.h"

#include "base/bytes.h"
#include "cipher/cipher_keyring.h"
#include "support/test.h"

static size_t
payload_size(uint64_t i)
{
    uint64_t mixed = (i + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 40;
    switch (mixed % 16) {
    case 0:
        return 0;
    case 1:
        return 500 + mixed / 16 % 1200;
    default:
        return 8 + mixed / 16 % 60;
    }
}

void
log_support_record(uint64_t i, struct log_support_record *out)
{
    out->type = (uint8_t)(FI_LOG_TYPE_USER + i % 240);
    out->size = payload_size(i);
    for (size_t at = 0; at < out->size; at++) {
        out->payload[at] = (uint8_t)(i * 131 + at * 7 + (at >> 8));
    }
    if (out->size > 0) {
        fi_store_le64(out->payload, i);
    }
}

int
log_support_append(struct fi_log *log, uint64_t i, struct fi_log_position *out, firn_error *err)
{
    struct log_support_record record;
    log_support_record(i, &record);
    if (i % 2 == 0) {
        firn_slice whole = firn_bytes(record.payload, record.size);
        return fi_log_append(log, record.type, &whole, 1, out, err);
    }
    size_t cut = record.size / 3;
    firn_slice parts[3] = {firn_bytes(record.payload, cut), firn_bytes(NULL, 0),
                           firn_bytes(record.payload + cut, record.size - cut)};
    return fi_log_append(log, record.type, parts, 3, out, err);
}

void
log_support_fill(struct fi_log *log, uint64_t *count)
{
    firn_error err;
    for (unsigned i = 0; i < LOG_SUPPORT_PER_SEGMENT; i++) {
        assert_int_equal(log_support_append(log, (*count)++, NULL, &err), FIRN_OK);
    }
}

int
log_support_visit(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
                  firn_error *err)
{
    (void)err;
    struct log_support_seen *seen = ctx;
    if (seen->is_first_unknown && record.size >= 8) {
        seen->first = fi_load_le64(record.data) - seen->count;
        seen->is_first_unknown = false;
    }
    struct log_support_record expected;
    log_support_record(seen->first + seen->count, &expected);
    if (seen->is_first_unknown) {
        seen->is_wrong = seen->is_wrong || record.size != 0;
    } else if (type != expected.type || record.size != expected.size ||
               memcmp(record.data, expected.payload, record.size) != 0) {
        seen->is_wrong = true;
    }
    seen->count++;
    seen->last = position;
    return seen->count == seen->stop_at ? FIRN_CANCELLED : FIRN_OK;
}

int
log_support_read(struct fi_os_dir *dir, const struct fi_log_options *options,
                 struct log_support_seen *seen, struct fi_log_recovery *recovery, firn_error *err)
{
    struct fi_log *log = NULL;
    int rc = fi_log_open(dir, options, log_support_visit, seen, &log, recovery, err);
    assert_true((rc == FIRN_OK) == (log != NULL));
    fi_log_abandon(log);
    return rc;
}

void
log_support_get_file(struct fi_os_dir *dir, const char *name, struct fi_buf *out)
{
    firn_error err;
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    assert_int_equal(fi_os_file_open(dir, name, FI_OS_READ, 0, &file, &err), FIRN_OK);
    assert_int_equal(fi_os_file_stat(file, &stat, &err), FIRN_OK);
    size_t start = out->size;
    assert_int_equal(fi_buf_set_size(out, start + (size_t)stat.size_bytes), FIRN_OK);
    assert_int_equal(
        fi_os_file_read_exact(file, 0, out->data + start, (size_t)stat.size_bytes, &err), FIRN_OK);
    fi_os_file_close(file);
}

void
log_support_put_file(struct fi_os_dir *dir, const char *name, firn_slice bytes)
{
    firn_error err;
    struct fi_os_file *file = NULL;
    assert_int_equal(fi_os_file_open(dir, name,
                                     FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE | FI_OS_SEALED,
                                     0600, &file, &err),
                     FIRN_OK);
    if (bytes.size > 0) {
        assert_int_equal(fi_os_file_write(file, 0, bytes.data, bytes.size, &err), FIRN_OK);
    }
    fi_os_file_close(file);
}

bool
log_support_has_file(struct fi_os_dir *dir, const char *name)
{
    struct fi_os_stat stat;
    return fi_os_stat(dir, name, &stat, NULL) == FIRN_OK;
}

struct fi_os_dir *
log_support_root(struct fi_os *os)
{
    firn_error err;
    struct fi_os_dir *dir = NULL;
    assert_int_equal(fi_os_dir_open_path(os, "/", &dir, &err), FIRN_OK);
    log_support_seal(dir);
    return dir;
}

/* ---- encrypted logs ---- */

static unsigned used_cipher;

bool
log_support_encrypt(unsigned cipher)
{
    used_cipher = cipher;
    return cipher == 0 || fi_cipher_check(cipher, NULL) == FIRN_OK;
}

void
log_support_seal_with(struct fi_os_dir *dir, unsigned cipher, uint32_t number, uint8_t byte)
{
    firn_error err;
    uint8_t key[FI_CIPHER_KEY_SIZE];
    struct fi_cipher_keyring *keyring;
    memset(key, byte, sizeof key);
    const struct fi_cipher_keyring_master master = {number, key};
    assert_int_equal(fi_cipher_keyring_create(cipher, &master, 1, &keyring, &err), FIRN_OK);
    fi_os_dir_set_seal(dir, fi_cipher_keyring_seal(keyring));
}

void
log_support_seal(struct fi_os_dir *dir)
{
    if (used_cipher != 0) {
        log_support_seal_with(dir, used_cipher, 1, 0x5a);
    }
}
