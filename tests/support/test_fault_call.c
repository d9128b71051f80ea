/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_fault_call.c: a file of its own, so that programs that fail allocations alone need no room os.
 */
#include <errno.h>

#include "support/test_fault.h"

static void
end_call(struct test_fault *fault)
{
    fault->was_hit = fi_sim_fault_hits(fault->os) > 0;
    fi_sim_fault_set_plan(fault->os, NULL);
}

void
test_fault_call(struct test_fault *fault, struct fi_os *os)
{
    const struct fi_sim_fault_plan plan = {
        .call = fault->n,
        .for_ever = fault->for_ever,
        .classes = fault->classes != 0 ? fault->classes : FI_SIM_FAULT_ALL,
        .kind = fault->kind,
        .error_number = fault->error_number != 0 ? fault->error_number : EIO};
    fault->end = end_call;
    fault->os = os;
    fi_sim_fault_set_plan(os, &plan);
}
