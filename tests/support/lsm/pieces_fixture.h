/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: a tree of columns with random histories, and what a scan by pieces reads of it compared with
 * what a cursor shows.
 */
#ifndef FIRN_TEST_PIECES_FIXTURE_H
#define FIRN_TEST_PIECES_FIXTURE_H

#include "lsm_fixture.h"

#include "lsm/lsm_pieces.h"
#include "lsm/lsm_winners.h"

enum { PIECES_COLUMNS = 7, PIECES_KEYS = 400 };

struct pieces_fixture {
    struct fixture base; /* first: the host's context */
    size_t column_count; /* of the layout now */
    uint64_t time_ms;    /* what readings take for now */
};

/* What comparisons met, in all. */
struct pieces_met {
    uint64_t direct;
    uint64_t merged;
    uint64_t rows;
    uint64_t cut; /* direct ones of which a bound took rows away */
};
extern struct pieces_met pieces_met;

/* The columns: 1 and 2 are the key. */
extern const struct fi_column_def pieces_columns[PIECES_COLUMNS];

void pieces_fixture_init(struct pieces_fixture *fixture, struct fi_os *os);
void pieces_fixture_deinit(struct pieces_fixture *fixture);
struct fi_lsm_tree *pieces_fixture_tree(struct pieces_fixture *fixture);
/* Rows of a group of the runs that are written from now on. */
extern uint32_t pieces_group_rows;

/* Replaces the contents of out. */
void pieces_fixture_key(unsigned key, struct fi_buf *out);
/* One commit each. */
void pieces_fixture_put(struct pieces_fixture *fixture, unsigned key);
void pieces_fixture_put_until(struct pieces_fixture *fixture, unsigned key, uint64_t expires_ms);
void pieces_fixture_merge(struct pieces_fixture *fixture, unsigned key);
void pieces_fixture_delete(struct pieces_fixture *fixture, unsigned key);
void pieces_fixture_delete_range(struct pieces_fixture *fixture, unsigned lower, unsigned upper);
void pieces_fixture_flush(struct pieces_fixture *fixture);
void pieces_fixture_work(struct pieces_fixture *fixture);
/* Keys [first, last) as a sorted load. */
void pieces_fixture_load(struct pieces_fixture *fixture, unsigned first, unsigned last);

/* Reads all that the options name by pieces; FIRN_OK with the number of rows. */
int pieces_fixture_read(struct pieces_fixture *fixture, const struct fi_lsm_pieces_options *options,
                        bool is_descending, uint64_t *out_rows, firn_error *err);
/* Compares pieces with a cursor: rows, columns, both ways. Asserts. */
void pieces_fixture_compare(struct pieces_fixture *fixture,
                            const struct fi_lsm_pieces_options *options);
/* No version that the view sees lies in a direct piece but its rows. Asserts. */
void pieces_fixture_prove(struct pieces_fixture *fixture,
                          const struct fi_lsm_pieces_options *options);

#endif
