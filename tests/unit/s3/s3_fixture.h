/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/s3: a server that runs beside the test (s3_server.py), and buckets at it. The environment has no
 * settings of object storage but those that a test makes.
 */
#ifndef FIRN_UNIT_S3_FIXTURE_H
#define FIRN_UNIT_S3_FIXTURE_H

#include <sys/types.h>

#include "s3/s3.h"
#include "support/test.h"
#include "support/test_ok.h"

struct s3_fixture {
    pid_t pid;
    FILE *to;
    FILE *from;
    int port;
    char url[64]; /* "http://127.0.0.1:PORT/bucket" */
    char home[48];
};

/* Starts the server; without Python or libcurl the program ends, skipped. certificate: NULL for http. */
void s3_fixture_start(struct s3_fixture *fixture, const char *certificate, const char *key);
void s3_fixture_stop(struct s3_fixture *fixture);
/* Sends a command, and returns the line that it answers: until the next one. */
const char *s3_fixture_say(struct s3_fixture *fixture, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Forgets objects, faults and permissions; makes the environment empty, but for good keys. */
void s3_fixture_reset(struct s3_fixture *fixture);
/* Writes a file into HOME, "" for an executable one. */
void s3_fixture_write(struct s3_fixture *fixture, const char *name, const char *text);

/* Opens the bucket. Machines that tests run on may be slow: times are short enough to end a test, and long enough for those. */
struct fi_bucket *s3_fixture_open(struct s3_fixture *fixture, const char *prefix);
/* The same; what stands still for a second ends, and is tried again for so long. */
struct fi_bucket *s3_fixture_open_hasty(struct s3_fixture *fixture, int64_t retry_ms);

#endif
