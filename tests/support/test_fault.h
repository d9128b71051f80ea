/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_fault.h: the loop over all points at which an operation can be broken: its first allocation fails, its second,
 * its n-th, or its n-th call of the system. The loop ends with the pass in which the operation came to its end unbroken. A loop in
 * which nothing failed fails itself: it would show nothing. So a share (test_share.h) that begins beyond the operation's end takes
 * its first point.
 *
 *     struct test_fault fault = {.for_ever = true};
 *     while (test_fault_next(&fault)) {
 *         ...                                             what the operation works on
 *         test_fault_allocation(&fault);
 *         int rc = operation(&err);
 *         test_fault_end(&fault);
 *         test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
 *         ...                                             the state is sound, and goes
 *     }
 *
 * Which call has failed is printed with what fails of the pass (sim/sim_note.h).
 */
#ifndef FIRN_TEST_FAULT_H
#define FIRN_TEST_FAULT_H

#include "sim/sim_fault.h"

struct test_fault {
    /* What is to fail, all zero for each allocation once. */
    bool for_ever; /* and all after it */
    bool counts;   /* each pass counts its memory (test_alloc.h), and must leave none alive */
    uint64_t
        every; /* with shares: one of so many points (test_share.h); 0: this process takes all */
    uint64_t loop;    /* number of the loop, for its share */
    uint64_t step;    /* points from one pass to the next; 0: what `every` says, else 1 */
    uint64_t limit;   /* passes; 0: 20,000. With more, the operation never ends */
    unsigned classes; /* of calls of the system; 0: FI_SIM_FAULT_ALL */
    enum fi_sim_fault_kind kind;
    int error_number; /* of calls; 0: EIO */
    /* What comes of it. */
    uint64_t n;       /* the point of this pass, from 1 */
    uint64_t passes;  /* before this one */
    uint64_t refused; /* passes in which test_fault_expect saw an error */
    bool was_hit;     /* in this pass */
    struct fi_os *os; /* whose calls fail now */
    void (*end)(struct test_fault *fault);
};

/* Begins the next pass; false where the last one was not hit. */
bool test_fault_next(struct test_fault *fault);

/* From now on the n-th allocation fails. */
void test_fault_allocation(struct test_fault *fault);
/* From now on the n-th call of this machine (sim_fault.h) goes wrong. */
void test_fault_call(struct test_fault *fault, struct fi_os *os);
/* Nothing fails from now on; was_hit says whether something has. */
void test_fault_end(struct test_fault *fault);

/* Asserts that an operation has succeeded, or failed with this code because something was made to fail. */
void test_fault_expect(struct test_fault *fault, int rc, int code);

#endif
