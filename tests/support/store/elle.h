/* SPDX-License-Identifier: Apache-2.0
 *
 * support/store/elle.h: recorded histories of transactions, and what is wrong with them.
 *
 * After K. Kingsbury and P. Alvaro, "Elle: Inferring Isolation Anomalies from Experimental
 * Observations" (2020): each key holds a list to which transactions append values that are never
 * used twice; a list that is read tells which appends came before it and in which order. From that
 * follows who depends on whom, and every anomaly is a cycle of such dependencies, or a list that no
 * order of appends explains. A key that holds one value instead of a list will do where everybody
 * who writes it has read it before: the values that follow one another are the list. A walk over a
 * range is a reading of every key in it, those included that were not there.
 */
#ifndef FIRN_TEST_ELLE_H
#define FIRN_TEST_ELLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ELLE_KEYS = 16 };

enum elle_anomaly {
    ELLE_ABORTED_READ = 1 << 0,      /* G1a: a value of a transaction that did not commit */
    ELLE_INTERMEDIATE_READ = 1 << 1, /* G1b: a value that its transaction wrote over */
    ELLE_INTERNAL = 1 << 2,          /* a transaction contradicts itself: reads not repeatable */
    ELLE_INCOMPATIBLE = 1 << 3,      /* two readings that no order explains */
    ELLE_LOST = 1 << 4,              /* what was committed is not there in the end, or forks */
    ELLE_G0 = 1 << 5,                /* a cycle of writes: torn commits */
    ELLE_G1C = 1 << 6,               /* a cycle of writes and reads */
    ELLE_G_SINGLE = 1 << 7,          /* with one reading of what was overwritten: read skew */
    ELLE_G_NONADJACENT = 1 << 8,     /* with several, no two of them in a row */
    ELLE_G2 = 1 << 9                 /* with several in a row: write skew, phantoms */
};

/* What snapshot isolation allows. */
enum { ELLE_ALLOWED_IN_SNAPSHOTS = ELLE_G2 };

struct elle_history;

struct elle_history *elle_create(void);
void elle_destroy(struct elle_history *history);

/* One transaction at a time. Times come from one clock that grows with each call of all threads: a
 * transaction that began after another one had ended must see it. */
void elle_begin(struct elle_history *history, uint64_t time);
void elle_append(struct elle_history *history, unsigned key, uint32_t value);
void elle_read(struct elle_history *history, unsigned key, const uint32_t *list, size_t count);
/* A key that holds one value; 0: none. */
void elle_read_register(struct elle_history *history, unsigned key, uint32_t value);
void elle_write_register(struct elle_history *history, unsigned key, uint32_t value);
void elle_end(struct elle_history *history, uint64_t time, bool is_committed);
/* Adds the transactions of another history, of other threads. */
void elle_merge(struct elle_history *history, const struct elle_history *other);
size_t elle_count(const struct elle_history *history, bool is_committed);

/* All anomalies, as bits. The last transaction must have read all keys, alone. */
unsigned elle_check(const struct elle_history *history);
/* Their names; good until the next call. */
const char *elle_names(unsigned anomalies);

#endif
