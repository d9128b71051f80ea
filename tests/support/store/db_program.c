/* SPDX-License-Identifier: Apache-2.0
 *
 * support/store/db_program.c: see db_program.h.
 */
#include "db_program.h"

#include <errno.h>

#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"

void
db_program_cut_everywhere(const struct db_program *program)
{
    enum { SEEDS = 3 };
    bool is_over = false;
    for (uint64_t call = 1; !is_over; call++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct db_support support;
            bool is_certain;
            db_support_init(&support, call * SEEDS + seed);
            fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + call);
            (void)program->run(support.dir, &is_certain);
            is_over = !fi_sim_memory_is_off(support.os);
            fi_sim_memory_set_cut_at(support.os, 0);
            db_support_cut(&support, seed);
            program->check(support.dir, is_certain);
            db_support_deinit(&support);
        }
    }
}

/* Whether the program came to that call. */
static bool
fail_call(const struct db_program *program, const struct fi_sim_fault_plan *plan)
{
    firn_error err;
    struct db_support support;
    struct fi_os *faulty;
    struct fi_os_dir *dir;
    bool is_certain;
    db_support_init(&support, plan->call);
    DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
    DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
    fi_sim_fault_set_plan(faulty, plan);
    (void)program->run(dir, &is_certain);
    bool was_hit = fi_sim_fault_hits(faulty) > 0;
    fi_sim_fault_set_plan(faulty, NULL);
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(faulty);
    db_support_cut(&support, plan->call % 3);
    program->check(support.dir, is_certain);
    db_support_deinit(&support);
    return was_hit;
}

void
db_program_fail_calls(const struct db_program *program, unsigned classes)
{
    for (int for_ever = 0; for_ever <= 1; for_ever++) {
        struct fi_sim_fault_plan plan = {.for_ever = for_ever == 1, .classes = classes};
        do {
            plan.call++;
            plan.error_number = plan.call % 2 == 0 ? EIO : ENOSPC;
        } while (fail_call(program, &plan));
    }
}

void
db_program_fail_allocations(const struct db_program *program)
{
    test_alloc_install();
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct db_support support;
        bool is_certain;
        db_support_init(&support, 1000 + fault.n);
        test_fault_allocation(&fault);
        (void)program->run(support.dir, &is_certain);
        test_fault_end(&fault);
        program->check(support.dir, is_certain);
        db_support_deinit(&support);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}
