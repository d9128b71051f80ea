/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_nonces.h: records every pair of key and nonce with which this process encrypts, by
 * whichever library. It listens in room cipher's tables of the libraries' functions, so no call is
 * missed and no code of firn knows. For tests that name folder cipher; any thread.
 *
 * Machines in memory (sim_memory.h) of one seed give the same random bytes, and so does a clone:
 * what two of them write, with the same keys, is two histories.
 */
#ifndef FIRN_TEST_NONCES_H
#define FIRN_TEST_NONCES_H

#include <stdint.h>

/* Begins a history: what was recorded is forgotten. Requires: libsodium is installed. */
void test_nonces_begin(void);
/* What was recorded in this history belongs to each one that test_nonces_begin_again begins: so a
 * clone of a machine goes on with the history of that machine. */
void test_nonces_keep(void);
void test_nonces_begin_again(void);
/* Pairs since then. */
uint64_t test_nonces_count(void);
/* How many of them had been used before. */
uint64_t test_nonces_repeated(void);

#endif
