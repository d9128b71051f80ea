/* SPDX-License-Identifier: Apache-2.0
 *
 * bucket/bucket_probe.c: the race. It is repeated under another name if an answer is lost and no
 * writer won. Each writer puts bytes of its own, so the object shows which one made it.
 */
#include "bucket/bucket_probe.h"

#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "codec/hex.h"
#include "threads/os_thread.h"

enum { WRITERS = 8, TRIES = 3, IDENTITY_SIZE = 8 };

struct writer {
    struct fi_bucket *bucket;
    const char *name;
    uint8_t number;
    int rc;
    firn_error err;
};

static void
write_object(void *arg)
{
    struct writer *writer = arg;
    writer->rc = fi_bucket_put_bytes(writer->bucket, writer->name, firn_bytes(&writer->number, 1),
                                     &writer->err);
}

/* Runs all of them at once. */
static int
race(struct fi_os *os, struct writer *writers, firn_error *err)
{
    struct fi_os_jobs *jobs = NULL;
    FI_TRY_RETURN(fi_os_jobs_create(os, WRITERS, &jobs, err));
    int rc = FIRN_OK;
    for (int i = 0; i < WRITERS && rc == FIRN_OK; i++) {
        rc = fi_os_jobs_submit(jobs, write_object, &writers[i], err);
    }
    fi_os_jobs_destroy(jobs);
    return rc;
}

static int
refuse(firn_error *err, const char *what)
{
    return fi_error_set(err, FIRN_UNSUPPORTED,
                        "machines cannot share this storage: %s (it has no conditional writes, "
                        "\"If-None-Match: *\", or they are not atomic)",
                        what);
}

/* The object is the winner's. */
static int
check_winner(const struct writer *winner, firn_error *err)
{
    struct fi_buf bytes = {0};
    int rc = fi_bucket_get(winner->bucket, winner->name, 0, UINT64_MAX, &bytes, err);
    if (rc == FIRN_OK && (bytes.size != 1 || bytes.data[0] != winner->number)) {
        rc = refuse(err, "an object was replaced by another one");
    }
    fi_buf_deinit(&bytes);
    return rc;
}

/* *out_is_known is false if an answer was lost. */
static int
assess(const struct writer *writers, bool *out_is_known, firn_error *err)
{
    const struct writer *winner = NULL;
    *out_is_known = true;
    for (int i = 0; i < WRITERS; i++) {
        const struct writer *writer = &writers[i];
        if (writer->rc == FIRN_OK && winner != NULL) {
            return refuse(err, "of eight that made the same object at once, more than one was told "
                               "that it had");
        }
        winner = writer->rc == FIRN_OK ? writer : winner;
        *out_is_known &= writer->rc != FIRN_IO;
        if (writer->rc != FIRN_OK && writer->rc != FIRN_EXISTS && writer->rc != FIRN_IO) {
            return fi_error_set(err, writer->rc, "%s", writer->err.text);
        }
    }
    if (winner != NULL) {
        return check_winner(winner, err);
    }
    if (*out_is_known) {
        return refuse(err, "a new object was said to exist");
    }
    for (int i = 0; i < WRITERS; i++) {
        if (writers[i].rc == FIRN_IO) {
            FI_IGNORE(fi_error_set(err, FIRN_IO, "%s", writers[i].err.text)); /* of the last try */
        }
    }
    return FIRN_OK;
}

static int
probe_once(struct fi_os *os, struct writer *writers, bool *out_is_known, firn_error *err)
{
    uint8_t identity[IDENTITY_SIZE];
    char digits[2 * IDENTITY_SIZE + 1];
    char name[sizeof "probe/" + 2 * sizeof identity];
    FI_TRY_RETURN(fi_os_random(os, identity, sizeof identity, err));
    fi_hex_encode(identity, sizeof identity, digits);
    (void)snprintf(name, sizeof name, "probe/%s", digits);
    for (int i = 0; i < WRITERS; i++) {
        writers[i].name = name;
        writers[i].number = (uint8_t)i;
    }
    FI_TRY_RETURN(race(os, writers, err));
    int rc = assess(writers, out_is_known, err);
    FI_IGNORE(fi_bucket_remove(writers[0].bucket, name, NULL)); /* a few bytes, if it may not */
    return rc;
}

int
fi_bucket_probe(struct fi_bucket *bucket, struct fi_os *os, firn_error *err)
{
    struct writer writers[WRITERS] = {{.bucket = bucket}};
    bool is_known = false;
    int rc = FIRN_OK;
    for (int i = 1; i < WRITERS; i++) {
        FI_TRY(fi_bucket_open_again(bucket, &writers[i].bucket, err));
    }
    for (int tries = 0; tries < TRIES && !is_known; tries++) {
        FI_TRY(probe_once(os, writers, &is_known, err));
    }
    rc = is_known ? FIRN_OK : FIRN_IO; /* assess has said why */
out:
    for (int i = 1; i < WRITERS; i++) {
        fi_bucket_close(writers[i].bucket);
    }
    return rc;
}
