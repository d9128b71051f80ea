/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn_bisect.c: firn bisect run: which checkpoint, or which turn, broke something.
 *
 * The candidates are the numbers of checkpoints, oldest first; of several in a row with the same
 * tree the oldest. The first is known to be good and the last to be bad, because both are tried
 * before anything else. Then the one in the middle between the newest good and the oldest bad one
 * is tried, until these two are neighbours. One that cannot be tried (exit code 125) is passed over
 * for the nearest one that was not.
 *
 * Each candidate is restored into a scratch directory, which is emptied before the next one: what a
 * run has left behind could decide the next one. The workspace and its store are only read.
 *
 * Of turns, the candidates are the states in which they ended. What broke it may then also be what
 * came between one turn and the next; the state in which the turn began is tried last, to tell.
 *
 * Standard output of the command goes to standard error, so that standard output is the result.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"
#include "turn/turn_internal.h"

enum {
    CANDIDATES_MAX = 1 << 24, /* 128 MiB */
    EXIT_SKIPS = 125,         /* as git bisect run has them */
    EXIT_BAD_MAX = 127,
    REFERENCE_SIZE = 24
};

enum state { UNTRIED, GOOD, BAD, SKIPPED };

struct candidate {
    uint64_t number;
    enum state state;
};

struct bisect {
    struct fi_cli *cli;
    firn_workspace *workspace;
    struct fi_turn_scratch scratch;
    struct candidate *candidates; /* oldest first */
    size_t count;
    size_t capacity;
    uint64_t good; /* numbers of checkpoints; 0: the oldest, the newest */
    uint64_t bad;
    firn_hash root; /* of the candidate that was noted last */
    uint64_t runs;
    uint64_t skipped;
    bool is_of_turns;
};

/* ---- candidates ---- */

static int
add(struct bisect *bisect, uint64_t number)
{
    if (bisect->count == bisect->capacity) {
        const size_t capacity = bisect->capacity == 0 ? 64 : 2 * bisect->capacity;
        struct candidate *grown =
            bisect->count < CANDIDATES_MAX
                ? realloc(bisect->candidates, capacity * sizeof(*bisect->candidates))
                : NULL;
        if (grown == NULL) {
            return FIRN_NO_MEMORY;
        }
        bisect->candidates = grown;
        bisect->capacity = capacity;
    }
    bisect->candidates[bisect->count++] = (struct candidate){number, UNTRIED};
    return FIRN_OK;
}

/* Gets the checkpoints, newest first. */
static int
on_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct bisect *bisect = ctx;
    if (bisect->bad != 0 && checkpoint->number > bisect->bad) {
        return FIRN_OK;
    }
    if (checkpoint->number < bisect->good) {
        return FIRN_CANCELLED;
    }
    if (bisect->count > 0 && memcmp(&bisect->root, &checkpoint->root, sizeof(bisect->root)) == 0) {
        bisect->candidates[bisect->count - 1].number = checkpoint->number;
        return FIRN_OK;
    }
    bisect->root = checkpoint->root;
    return add(bisect, checkpoint->number);
}

/* Gets the turns, newest first. */
static int
on_turn(void *ctx, const struct fi_turn *turn)
{
    struct bisect *bisect = ctx;
    const uint64_t number = turn->of.last->number;
    if (number <= bisect->good) {
        return FIRN_CANCELLED;
    }
    return bisect->bad == 0 || number <= bisect->bad ? add(bisect, number) : FIRN_OK;
}

static void
reverse(struct bisect *bisect)
{
    for (size_t i = 0, j = bisect->count; i + 1 < j; i++) {
        const struct candidate swapped = bisect->candidates[i];
        bisect->candidates[i] = bisect->candidates[--j];
        bisect->candidates[j] = swapped;
    }
}

/* The number of the checkpoint that a reference or a turn's name names. Returns an exit code. */
static int
find_number(const struct bisect *bisect, const char *reference, uint64_t *out)
{
    firn_error err;
    struct fi_task_turn turn;
    firn_workspace_checkpoint *checkpoint = NULL;
    if (fi_task_turn_is_name(reference)) {
        FI_TRY_RETURN(fi_task_turn_find(bisect->cli, bisect->workspace, reference, &turn));
        *out = turn.last->number;
        fi_task_turn_deinit(&turn);
        return FI_EXIT_OK;
    }
    int code = firn_workspace_find(bisect->workspace, reference, &checkpoint, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(
            bisect->cli, &err, fi_task_workspace_hint(bisect->workspace, reference, code));
    }
    *out = checkpoint->number;
    firn_release(checkpoint);
    return *out != 0 ? FI_EXIT_OK
                     : fi_command_misused(bisect->cli, "'%s' is a safety checkpoint", reference);
}

/* The checkpoint in which the oldest turn began, which is tried as the good one. */
static int
add_beginning(struct bisect *bisect, firn_error *err)
{
    struct fi_task_turn turn;
    char name[REFERENCE_SIZE];
    if (bisect->good != 0 || bisect->count == 0) {
        return bisect->good != 0 ? add(bisect, bisect->good) : FIRN_OK;
    }
    (void)snprintf(name, sizeof(name), "@%llu",
                   (unsigned long long)bisect->candidates[bisect->count - 1].number);
    FI_TRY_RETURN(fi_task_turn_look(bisect->workspace, name, &turn, err));
    int code = turn.first_number != 0 ? add(bisect, turn.first_number) : FIRN_OK;
    fi_task_turn_deinit(&turn);
    return code;
}

static int
read_candidates(struct bisect *bisect, firn_error *err)
{
    firn_workspace_list_options list = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    const struct fi_turn_walk_options walk = {
        .limit = UINT64_MAX, .callbacks = FIRN_CALLBACKS_INIT, .on_turn = on_turn};
    *err = (firn_error){.code = FIRN_NO_MEMORY, .text = "there are too many checkpoints"};
    int code = bisect->is_of_turns
                   ? fi_turn_walk(bisect->workspace, &walk, bisect, err)
                   : firn_workspace_list(bisect->workspace, &list, on_checkpoint, bisect, err);
    code = code == FIRN_CANCELLED && fi_term_signals_caught() == 0 ? FIRN_OK : code;
    if (code == FIRN_OK && bisect->is_of_turns) {
        code = add_beginning(bisect, err);
    }
    reverse(bisect);
    return code;
}

/* ---- one run ---- */

struct restoring {
    const struct bisect *bisect;
    char reference[REFERENCE_SIZE];
    firn_workspace_restore_options options;
};

static int
turn_bisect_attempt(void *ctx, firn_error *err)
{
    struct restoring *restoring = ctx;
    return firn_workspace_restore(restoring->bisect->workspace, restoring->reference,
                                  &restoring->options, NULL, err);
}

/* Restores a checkpoint into the scratch directory. Returns an exit code. */
static int
place(struct bisect *bisect, uint64_t number)
{
    firn_error err;
    struct fi_task_notices notices;
    struct restoring restoring = {.bisect = bisect, .options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT};
    int error = fi_turn_scratch_clear(&bisect->scratch, false);
    if (error != 0) {
        return fi_command_report_error(bisect->cli, FIRN_IO, NULL, "could not empty '%s': %s",
                                       bisect->scratch.top, strerror(error));
    }
    fi_task_notices_init(&notices, bisect->cli);
    (void)snprintf(restoring.reference, sizeof(restoring.reference), "%llu",
                   (unsigned long long)number);
    restoring.options.to_dir = bisect->scratch.place;
    restoring.options.callbacks = fi_task_notices_callbacks(&notices);
    restoring.options.callbacks.on_notice = NULL; /* the same at each candidate */
    int code = fi_task_patience_run(bisect->cli, turn_bisect_attempt, &restoring, &err);
    fi_term_meter_clear();
    fi_task_notices_deinit(&notices);
    return code == FIRN_OK ? FI_EXIT_OK : fi_command_report_failure(bisect->cli, &err, NULL);
}

/* Enters the directory of the candidate that corresponds to the current one; in a candidate that
 * does not have it, its root. Returns an errno. */
static int
enter(const struct bisect *bisect)
{
    char path[2 * FI_TURN_SCRATCH_SIZE];
    const char *subpath = firn_workspace_subpath(bisect->workspace);
    int size = snprintf(path, sizeof(path), "%s/%s", bisect->scratch.place, subpath);
    if (subpath[0] != '\0' && size > 0 && (size_t)size < sizeof(path) && chdir(path) == 0) {
        (void)setenv("PWD", path, 1);
        return 0;
    }
    (void)setenv("PWD", bisect->scratch.place, 1);
    return chdir(bisect->scratch.place) == 0 ? 0 : errno;
}

/* Runs the command where the candidate is, with standard error for its output. */
static int
run_there(struct bisect *bisect, struct fi_turn_process *process)
{
    const int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const int output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    int error = here < 0 || output < 0 ? errno : 0;
    const char *word = getenv("PWD");
    char *pwd = word != NULL ? strdup(word) : NULL;
    error = error == 0 ? enter(bisect) : error;
    if (error == 0) {
        (void)dup2(STDERR_FILENO, STDOUT_FILENO);
        fi_turn_process_run((char *const *)(uintptr_t)bisect->cli->arguments, process);
        (void)dup2(output, STDOUT_FILENO);
    }
    if (here >= 0 && fchdir(here) != 0 && error == 0) {
        error = errno;
    }
    if (pwd != NULL) {
        (void)setenv("PWD", pwd, 1);
    }
    free(pwd);
    (void)close(here);
    (void)close(output);
    return error;
}

/* "12 is good (exit 0, 0.3 s)", on standard error. */
static void
report_run(const struct bisect *bisect, uint64_t number, enum state state,
           const struct fi_turn_process *process)
{
    if (!bisect->cli->quiet) {
        fi_command_report_line("%llu is %s (exit %d, %.1f s)", (unsigned long long)number,
                               state == GOOD  ? "good"
                               : state == BAD ? "bad"
                                              : "skipped",
                               process->exit_code, process->seconds);
    }
}

/* Tries a checkpoint. Returns an exit code; all but FI_EXIT_OK end the search. */
static int
try_one(struct bisect *bisect, uint64_t number, enum state *out)
{
    struct fi_turn_process process = {0};
    struct fi_cli *cli = bisect->cli;
    FI_TRY_RETURN(place(bisect, number));
    int error = run_there(bisect, &process);
    error = error == 0 && process.interrupted == 0 ? process.error : error;
    if (error != 0) {
        return fi_command_report_error(cli, FIRN_NOT_FOUND, NULL, "could not run '%s': %s",
                                       cli->arguments[0], strerror(error));
    }
    if (process.interrupted != 0 || process.received != 0) {
        return FI_EXIT_SIGNAL + (process.interrupted != 0 ? process.interrupted : process.received);
    }
    bisect->runs++;
    if (process.signal != 0) {
        return fi_command_report_error(cli, FIRN_FAILED, NULL,
                                       "signal %d ended the command at %llu: the search ends",
                                       process.signal, (unsigned long long)number);
    }
    if (process.exit_code > EXIT_BAD_MAX) {
        return fi_command_report_error(cli, FIRN_FAILED, NULL,
                                       "exit code %d at %llu: the search ends", process.exit_code,
                                       (unsigned long long)number);
    }
    *out = process.exit_code == 0 ? GOOD : process.exit_code == EXIT_SKIPS ? SKIPPED : BAD;
    bisect->skipped += *out == SKIPPED;
    report_run(bisect, number, *out, &process);
    return FI_EXIT_OK;
}

/* ---- the search ---- */

/* Tries a candidate that has to be good, or bad. */
static int
verify(struct bisect *bisect, size_t at, enum state wanted)
{
    struct candidate *candidate = &bisect->candidates[at];
    FI_TRY_RETURN(try_one(bisect, candidate->number, &candidate->state));
    if (candidate->state == wanted) {
        return FI_EXIT_OK;
    }
    if (candidate->state == SKIPPED) {
        return fi_command_report_error(bisect->cli, FIRN_FAILED, NULL,
                                       "%llu cannot be tried: exit code %d",
                                       (unsigned long long)candidate->number, EXIT_SKIPS);
    }
    return wanted == BAD
               ? fi_command_report_error(bisect->cli, FIRN_FAILED,
                                         "--bad REF names another one; firn save saves now",
                                         "%llu is good, too: there is nothing to find",
                                         (unsigned long long)candidate->number)
               : fi_command_report_error(
                     bisect->cli, FIRN_FAILED,
                     "--good REF names another one; what a save leaves out, such as "
                     "dependencies, has to be made by the command",
                     "%llu is bad, too: no good one is known",
                     (unsigned long long)candidate->number);
}

/* The candidate to try between a good and a bad one: the nearest to the middle that was not tried.
 * Returns `good` if there is none. */
static size_t
choose(const struct bisect *bisect, size_t good, size_t bad)
{
    const size_t middle = good + (bad - good) / 2;
    for (size_t distance = 0; distance < bad - good; distance++) {
        if (middle + distance < bad && bisect->candidates[middle + distance].state == UNTRIED) {
            return middle + distance;
        }
        if (middle > good + distance && bisect->candidates[middle - distance].state == UNTRIED) {
            return middle - distance;
        }
    }
    return good;
}

/* Narrows the search until nothing between the two can be tried. */
static int
narrow(struct bisect *bisect, size_t *good, size_t *bad)
{
    for (;;) {
        const size_t at = choose(bisect, *good, *bad);
        if (at == *good) {
            return FI_EXIT_OK;
        }
        struct candidate *candidate = &bisect->candidates[at];
        FI_TRY_RETURN(try_one(bisect, candidate->number, &candidate->state));
        *good = candidate->state == GOOD ? at : *good;
        *bad = candidate->state == BAD ? at : *bad;
    }
}

/* ---- the result ---- */

struct result {
    firn_workspace_checkpoint *good;
    firn_workspace_checkpoint *bad;
    struct fi_task_turn turn; /* that ended with the bad one; last is NULL: none did */
    bool is_before_turn;      /* of turns: it was bad before that turn began */
};

static int
find_checkpoint(const struct bisect *bisect, uint64_t number, firn_workspace_checkpoint **out,
                firn_error *err)
{
    char reference[REFERENCE_SIZE];
    (void)snprintf(reference, sizeof(reference), "%llu", (unsigned long long)number);
    return firn_workspace_find(bisect->workspace, reference, out, err);
}

/* Looks up what the result is about. Returns an exit code. */
static int
describe(struct bisect *bisect, uint64_t good, uint64_t bad, struct result *result)
{
    firn_error err;
    char name[REFERENCE_SIZE];
    int code = find_checkpoint(bisect, good, &result->good, &err);
    if (code == FIRN_OK) {
        code = find_checkpoint(bisect, bad, &result->bad, &err);
    }
    if (code == FIRN_OK && result->bad->turn.agent.size > 0) {
        (void)snprintf(name, sizeof(name), "@%llu", (unsigned long long)bad);
        code = fi_task_turn_look(bisect->workspace, name, &result->turn, &err);
    }
    if (code != FIRN_OK) {
        return fi_command_report_failure(bisect->cli, &err, NULL);
    }
    const uint64_t first = result->turn.first_number;
    if (bisect->is_of_turns && result->turn.last != NULL && first > good) {
        enum state state = UNTRIED;
        FI_TRY_RETURN(try_one(bisect, first, &state));
        result->is_before_turn = state == BAD;
    }
    return FI_EXIT_OK;
}

static void
print_result(const struct bisect *bisect, const struct result *result, uint64_t candidates)
{
    const unsigned long long good = result->good->number;
    const unsigned long long bad = result->bad->number;
    if (candidates > 1) {
        fi_term_out_format("one of %llu checkpoints broke it, after %llu, up to %llu: the others "
                           "could not be tried\n",
                           (unsigned long long)candidates, good, bad);
    } else if (result->is_before_turn) {
        fi_term_out_format("it broke after %llu, before the turn @%llu began (%llu)\n", good, bad,
                           (unsigned long long)result->turn.first_number);
    } else {
        const bool has_title = result->bad->message.size > 0 || result->turn.last != NULL;
        fi_term_out_format("%s%llu broke it%s", result->turn.last != NULL ? "@" : "", bad,
                           has_title ? ": " : "");
        if (has_title) {
            fi_show_checkpoint_put_title(result->bad, FI_SHOW_CHECKPOINT_MESSAGE_MAX,
                                         fi_term_out_write);
        }
        fi_term_out_text("\n");
    }
    fi_term_out_format("good at %llu, bad at %llu, %llu %s; firn diff %llu %llu shows the "
                       "difference\n",
                       good, bad, (unsigned long long)bisect->runs,
                       fi_term_text_plural(bisect->runs, "run", "runs"), good, bad);
}

static void
result_json(const struct bisect *bisect, const struct result *result, uint64_t candidates)
{
    char name[REFERENCE_SIZE] = "";
    if (result->turn.last != NULL) {
        (void)snprintf(name, sizeof(name), "@%llu", (unsigned long long)result->bad->number);
    }
    fi_show_checkpoint_json("good", result->good);
    fi_show_checkpoint_json("bad", result->bad);
    fi_term_json_string_if("turn", name, name[0] != '\0');
    fi_term_json_bool("before_turn", result->is_before_turn);
    fi_term_json_u64("candidates", candidates);
    fi_term_json_u64("runs", bisect->runs);
    fi_term_json_u64("skipped", bisect->skipped);
}

/* Shows what the search has found. Returns an exit code. */
static int
finish(struct bisect *bisect, size_t good, size_t bad)
{
    struct result result = {.good = NULL};
    const struct candidate *candidates = bisect->candidates;
    int exit_code = describe(bisect, candidates[good].number, candidates[bad].number, &result);
    if (exit_code == FI_EXIT_OK) {
        result_json(bisect, &result, bad - good);
        print_result(bisect, &result, bad - good);
        exit_code = bad - good > 1 ? FI_EXIT_PARTIAL : FI_EXIT_OK;
    }
    firn_release(result.good);
    firn_release(result.bad);
    fi_task_turn_deinit(&result.turn);
    return exit_code;
}

/* ---- the whole ---- */

static int
search(struct bisect *bisect)
{
    firn_error err;
    size_t good = 0;
    int code = read_candidates(bisect, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(bisect->cli, &err, NULL);
    }
    if (bisect->count < 2) {
        return fi_command_report_error(
            bisect->cli, FIRN_NOT_FOUND, "firn list shows the checkpoints, firn turns the turns",
            bisect->is_of_turns ? "there is no turn to try" : "there are no two states to compare");
    }
    size_t bad = bisect->count - 1;
    code = fi_turn_scratch_make(&bisect->scratch, bisect->workspace, &err);
    if (code != FIRN_OK) {
        return fi_command_report_failure(bisect->cli, &err, "TMPDIR names another one");
    }
    FI_TRY_RETURN(verify(bisect, bad, BAD));
    FI_TRY_RETURN(verify(bisect, good, GOOD));
    FI_TRY_RETURN(narrow(bisect, &good, &bad));
    return finish(bisect, good, bad);
}

/* Removes the scratch directory, or says where it is. */
static void
clean_up(struct bisect *bisect)
{
    if (bisect->scratch.top[0] == '\0') {
        return;
    }
    if (fi_command_has(bisect->cli, "keep")) {
        fi_term_json_bytes("kept", firn_str(bisect->scratch.place));
        if (!bisect->cli->quiet) {
            fi_command_report_line("the last one that was tried is in %s", bisect->scratch.place);
        }
        return;
    }
    const int error = fi_turn_scratch_clear(&bisect->scratch, true);
    if (error != 0) {
        fi_command_report_line("could not remove '%s': %s", bisect->scratch.top, strerror(error));
    }
}

static int
turn_bisect_run(struct fi_cli *cli)
{
    struct bisect bisect = {.cli = cli, .is_of_turns = fi_command_has(cli, "turns")};
    const char *good = fi_command_value(cli, "good");
    const char *bad = fi_command_value(cli, "bad");
    int exit_code;
    FI_TRY_OUT(exit_code, fi_task_workspace_open(cli, &bisect.workspace));
    if (good != NULL) {
        FI_TRY_OUT(exit_code, find_number(&bisect, good, &bisect.good));
    }
    if (bad != NULL) {
        FI_TRY_OUT(exit_code, find_number(&bisect, bad, &bisect.bad));
    }
    if (bisect.bad != 0 && bisect.bad <= bisect.good) {
        exit_code = fi_command_misused(cli, "the good one has to be older than the bad one");
        goto out;
    }
    exit_code = search(&bisect);
out:
    clean_up(&bisect);
    free(bisect.candidates);
    firn_workspace_close(bisect.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"good", 0, "REF", "a checkpoint that is good (default: the oldest)"},
    {"bad", 0, "REF", "a later one that is bad (default: the newest)"},
    {"turns", 0, NULL, "try only the states in which turns of agents ended"},
    {"keep", 0, NULL, "do not remove the directory with the last one that was tried"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn bisect run make test", "find the checkpoint since which the tests fail"},
    {"firn bisect run --turns ./test.sh", "find the turn of an agent that broke them"},
    {"firn bisect run --good v1.0 make", "look only after the tag v1.0"},
    {NULL, NULL},
};

static const struct fi_command run_command = {
    .name = "run",
    .summary = "Find the checkpoint, or the turn, since which a command fails",
    .arguments = "COMMAND [ARGUMENT...]",
    .options = options,
    .help = "Restores checkpoints into a temporary directory, one after the other, and runs\n"
            "COMMAND there, without a shell, in the directory that corresponds to the current\n"
            "one. Exit code 0 means that the checkpoint is good, 125 that it cannot be tried,\n"
            "all others up to 127 that it is bad; 128 and more, or a signal, ends the search.\n"
            "The newest and the oldest are tried first, then half of what is left each time.\n"
            "The workspace is not touched: what is not saved yet is not tried, and what saves\n"
            "leave out, such as dependencies, COMMAND has to make.\n"
            "\n"
            "With --turns, the states are tried in which turns ended (firn turns), and the\n"
            "one in which the first of them began. REF may be the name of a turn (@12).\n"
            "Options of firn come before COMMAND; what follows it belongs to it. What it\n"
            "prints goes to standard error.\n"
            "\n"
            "The exit code is 6 if several are left that could not be tried, and 1 if the\n"
            "oldest is bad, the newest is good, or the search was ended.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .takes_line = true,
    .run = turn_bisect_run,
};

static const struct fi_command *const members[] = {&run_command, NULL};

const struct fi_command fi_turn_bisect = {
    .name = "bisect",
    .summary = "Find the checkpoint, or the turn, that broke something",
    .arguments = "",
    .help = "Tries checkpoints in a temporary directory until it is known which of them broke\n"
            "something, with as few runs of a command as possible.",
    .members = members,
};
