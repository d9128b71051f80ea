/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_pending.c: reports, in commands that only read, a restore that was interrupted or is
 * running.
 *
 * A crash in the middle of a restore leaves a tree that is partly the old state and partly the new,
 * file by file. So list, status and show say what happened and how to finish it. They do not finish
 * it themselves: reading commands change nothing. The command that fails half way says the same.
 *
 * During a restore the tree looks the same. So commands that compare the tree ask before and after
 * the comparison: a restore that ended in between may have affected it.
 */
#include "task/task.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "show/show.h"
#include "term/term.h"

static void
checkpoint_json(const firn_workspace_pending_restore *pending)
{
    assert(pending->is_pending || pending->is_running);
    fi_term_json_u64_if("number", pending->number, pending->number != 0);
    fi_term_json_string_if("id", pending->id, pending->id[0] != '\0');
}

static void
pending_json(const firn_workspace_pending_restore *pending)
{
    if (!pending->is_pending) {
        fi_term_json_null("pending");
        return;
    }
    fi_term_json_object("pending");
    checkpoint_json(pending);
    fi_term_json_bool("undo", pending->is_undo);
    fi_term_json_bool("redo", pending->is_redo);
    fi_term_json_bool("revert", pending->is_revert);
    fi_term_json_bool("begun", pending->has_begun);
    fi_term_json_string("safety", pending->safety_id);
    fi_term_json_bool("foreign", pending->is_foreign);
    fi_term_json_end();
}

static void
running_json(const firn_workspace_pending_restore *pending)
{
    if (!pending->is_running) {
        fi_term_json_null("running");
        return;
    }
    fi_term_json_object("running");
    checkpoint_json(pending);
    fi_term_json_bool("undo", pending->is_undo);
    fi_term_json_bool("redo", pending->is_redo);
    fi_term_json_bool("revert", pending->is_revert);
    fi_term_json_bool("begun", pending->has_begun);
    fi_term_json_u64("process", pending->process);
    fi_term_json_time("started", pending->started_ns);
    fi_term_json_string("phase", pending->phase);
    fi_term_json_u64("files_done", pending->files_done);
    fi_term_json_u64("files_total", pending->files_total);
    fi_term_json_end();
}

/* "a restore of 3", "an undo", "a redo", "a revert". */
static const char *
what_text(const firn_workspace_pending_restore *pending, char *out, size_t size)
{
    if (pending->is_undo || pending->is_redo || pending->is_revert) {
        (void)snprintf(out, size, "%s",
                       pending->is_undo   ? "an undo"
                       : pending->is_redo ? "a redo"
                                          : "a revert");
    } else if (pending->number != 0) {
        (void)snprintf(out, size, "a restore of %llu", (unsigned long long)pending->number);
    } else {
        (void)snprintf(out, size, "a restore of %.*s", FIRN_CHECKPOINT_ID_SHORT, pending->id);
    }
    return out;
}

static const char *
way_out(const firn_workspace_pending_restore *pending)
{
    return pending->is_undo ? "firn restore --resume finishes it, firn redo takes it back"
                            : "firn restore --resume finishes it, firn undo takes it back";
}

static void
report_pending(const firn_workspace_pending_restore *pending)
{
    assert(pending->is_pending);
    char what[64];
    fi_command_report_line("%s was interrupted %s", what_text(pending, what, sizeof(what)),
                           pending->has_begun ? "half way" : "before anything changed");
    if (pending->is_foreign) {
        fi_command_report_line(
            "you did not start it in this directory on this machine, so it is left alone");
    }
    if (pending->is_foreign) {
        fi_command_report_more(
            "hint", pending->is_undo ? "if you know what it is, firn restore --resume "
                                       "--trust-journal finishes it, firn redo --trust-journal "
                                       "takes it back"
                                     : "if you know what it is, firn restore --resume "
                                       "--trust-journal finishes it, firn undo --trust-journal "
                                       "takes it back");
    } else {
        fi_command_report_more("hint", way_out(pending));
    }
}

/* How far it is. */
static void
stand_text(const firn_workspace_pending_restore *pending, char *out, size_t size)
{
    char done[FI_TERM_TEXT_NUMBER_SIZE];
    char total[FI_TERM_TEXT_NUMBER_SIZE];
    bool is_placing = strcmp(pending->phase, "place") == 0 || strcmp(pending->phase, "remove") == 0;
    if (!pending->has_begun) {
        (void)snprintf(out, size, "nothing has changed yet");
    } else if (is_placing && pending->files_total > 0) {
        (void)snprintf(out, size, "%s of %s files are in place",
                       fi_term_text_number(pending->files_done, done),
                       fi_term_text_number(pending->files_total, total));
    } else {
        (void)snprintf(out, size, "all files are in place; the restore is finishing");
    }
}

/* " for 12 s", or nothing where that is not known, or the clock was set. */
static void
since_text(const firn_workspace_pending_restore *pending, char *out, size_t size)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t seconds = (int64_t)now.tv_sec - pending->started_ns / 1000000000;
    out[0] = '\0';
    if (seconds >= 1 && seconds < 1000000) {
        (void)snprintf(out, size, ", for %lld s", (long long)seconds);
    }
}

void
fi_task_pending_running(const firn_workspace_pending_restore *pending, char *out, size_t size)
{
    char what[64];
    char process[48] = "";
    char since[48];
    char stand[96];
    if (pending->process != 0) {
        (void)snprintf(process, sizeof(process), " by process %llu",
                       (unsigned long long)pending->process);
    }
    since_text(pending, since, sizeof(since));
    stand_text(pending, stand, sizeof(stand));
    (void)snprintf(out, size, "%s is under way%s%s: %s", what_text(pending, what, sizeof(what)),
                   process, since, stand);
}

static void
report_running(const firn_workspace_pending_restore *pending, bool is_over)
{
    assert(pending->is_running);
    char text[320];
    char what[64];
    if (is_over) {
        fi_command_report_line("%s was under way meanwhile, and has ended",
                               what_text(pending, what, sizeof(what)));
        fi_command_report_more("hint",
                               "what is shown may be from before or after it: run this again");
        return;
    }
    fi_task_pending_running(pending, text, sizeof(text));
    fi_command_report_line("%s", text);
}

void
fi_task_pending_inspect(firn_workspace *workspace, firn_workspace_pending_restore *out)
{
    const firn_workspace_pending_restore none = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    *out = none;
    if (firn_workspace_pending(workspace, out, NULL) != FIRN_OK) {
        *out = none;
    }
}

int
fi_task_pending_report(struct fi_cli *cli, firn_workspace *workspace,
                       const firn_workspace_pending_restore *earlier)
{
    firn_error err;
    firn_workspace_pending_restore pending = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    if (firn_workspace_pending(workspace, &pending, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    bool was_running = !pending.is_running && earlier != NULL && earlier->is_running;
    if (pending.is_pending) {
        report_pending(&pending);
    } else if (pending.is_running) {
        report_running(&pending, false);
    } else if (was_running) {
        report_running(earlier, true);
    }
    pending_json(&pending);
    running_json(was_running ? earlier : &pending);
    return FI_EXIT_OK;
}

const char *
fi_task_pending_hint(firn_workspace *workspace)
{
    firn_workspace_pending_restore pending = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    bool is_half_done = firn_workspace_pending(workspace, &pending, NULL) == FIRN_OK &&
                        pending.is_pending && pending.has_begun && !pending.is_foreign;
    return !is_half_done ? NULL
           : pending.is_undo
               ? "it is half done: firn restore --resume finishes it, firn redo takes it back"
               : "it is half done: firn restore --resume finishes it, firn undo takes it back";
}
