/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_fault.c: see the header.
 */
#include "support/test_fault.h"

#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_share.h"

enum { PASSES_MAX = 20000 };

static void
begin_loop(struct test_fault *fault)
{
    struct test_share share = {1, 1};
    if (fault->every != 0) {
        share = test_share_of(fault->every, fault->loop);
    }
    fault->n = share.first;
    fault->step = fault->step != 0 ? fault->step : share.step;
    fault->limit = fault->limit != 0 ? fault->limit : PASSES_MAX;
}

bool
test_fault_next(struct test_fault *fault)
{
    if (fault->n == 0) {
        begin_loop(fault);
    } else {
        if (fault->counts) {
            assert_int_equal(test_alloc_alive(), 0);
            test_alloc_uninstall();
        }
        if (!fault->was_hit && fault->passes > 0) {
            return false;
        }
        if (fault->was_hit) {
            fault->n += fault->step;
            fault->passes++;
            assert_true(fault->passes < fault->limit);
        } else if (fault->n > 1) {
            fault->n = 1; /* the share begins beyond the end of the operation */
        } else {
            fail_msg("no point was reached: nothing was made to fail");
        }
    }
    fault->was_hit = false;
    if (fault->counts) {
        test_alloc_install();
    }
    return true;
}

static void
end_allocation(struct test_fault *fault)
{
    fault->was_hit = test_alloc_calls() >= fault->n;
    test_alloc_fail_at(0, false);
}

void
test_fault_allocation(struct test_fault *fault)
{
    fault->end = end_allocation;
    test_alloc_fail_at(fault->n, fault->for_ever);
}

void
test_fault_end(struct test_fault *fault)
{
    fault->end(fault);
}

void
test_fault_expect(struct test_fault *fault, int rc, int code)
{
    if (rc != FIRN_OK) {
        assert_int_equal(rc, code);
        assert_true(fault->was_hit);
        fault->refused++;
    }
}
