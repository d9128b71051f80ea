/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chkp/chkp_fixture.h: a folder to keep packs in, and contents to fill them with.
 */
#ifndef FIRN_TEST_CHKP_FIXTURE_H
#define FIRN_TEST_CHKP_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "chkp/chkp.h"
#include "support/test_random.h"

struct chkp_fixture {
    char path[64];
    struct fi_os_dir *dir;
};

/* An empty folder on the real file system. */
void chkp_fixture_open(struct chkp_fixture *fixture);
/* Removes it with all files. */
void chkp_fixture_close(struct chkp_fixture *fixture);

/* Whole files; read replaces the contents of out. Nothing is synced. */
void chkp_fixture_write(struct fi_os_dir *dir, const char *name, firn_slice bytes);
void chkp_fixture_read(struct fi_os_dir *dir, const char *name, struct fi_buf *out);
/* A file below tests/formats/chkp. */
void chkp_fixture_golden(const char *name, struct fi_buf *out);
/* How many entries a folder has whose name begins with the prefix. */
size_t chkp_fixture_count(struct fi_os_dir *dir, const char *prefix);
void chkp_fixture_remove(struct fi_os_dir *dir, const char *name);

/* "pack-<name>.dat" and ".idx"; each is overwritten by the next call. */
const char *chkp_fixture_dat(const char *name);
const char *chkp_fixture_idx(const char *name);

/* Content of this size: one half compresses well, the other not at all. */
void chkp_fixture_content(struct test_random *random, size_t size, struct fi_buf *out);

/* A pack of `count` small objects made from the seed; their hashes and contents can be made
 * again by chkp_fixture_object. */
void chkp_fixture_pack(struct fi_os_dir *dir, uint64_t seed, size_t count,
                       char out_name[FIRN_CHKP_NAME_SIZE]);
void chkp_fixture_object(uint64_t seed, size_t i, struct fi_buf *out, firn_hash *out_hash);

/* Everything at its default. */
extern const firn_chkp_options chkp_fixture_defaults;

/* Opens with defaults; fails the test if that fails. */
struct firn_chkp *chkp_fixture_open_pack(struct fi_os_dir *dir, const char *name);
/* Reads the object and fails the test unless it is `content`. */
void chkp_fixture_expect(struct firn_chkp *pack, const firn_hash *hash, firn_slice content);

/* Fails the test, with the error's text, unless rc is what is expected. */
void chkp_fixture_check(int rc, int expected, const firn_error *err, int line);
#define expect_rc(expression, code, err) chkp_fixture_check((expression), (code), (err), __LINE__)

#endif
