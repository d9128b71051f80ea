/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn_walk.c: a walk through the turns of a workspace, newest first.
 *
 * The history is walked through from its newest checkpoint to older ones. A checkpoint with a turn
 * that is not in the queue yet is where this turn ended, and the turn enters the queue. It is open
 * until the walk has come to the state in which it began (task_turn.c). Turns that are open at the
 * same checkpoint were at work at the same time; they are said to overlap.
 *
 * Most turns end with the checkpoint after the one in which they began: the walk compares these two
 * anyway, and hands the turn out at once. Others have to be compared for themselves, for which the
 * walk is interrupted, because nothing else can be asked of the library meanwhile. It costs time to
 * find the place again, so this is done for more and more turns at once.
 *
 * What firn run has run is a turn, too, with the command for its prompt. It is part of the turn of
 * an agent in which it was run, and overlaps none.
 *
 * (I1) The queue is in the order of ends, newest first, and has at most QUEUE_MAX turns. Where more
 * are open at once, which no agents do, the first of them is closed early (is_cut).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "task/task.h"
#include "term/term_try.h"
#include "turn/turn.h"

enum {
    QUEUE_MAX = 256,
    BATCH_MIN = 16,
    LINES_BYTES_MAX = 8 << 20 /* of contents, to count the lines of one turn */
};

struct fi_turn_walk {
    firn_workspace *workspace;
    const struct fi_turn_walk_options *options;
    void *ctx;
    struct fi_turn *queue[QUEUE_MAX];
    size_t count;
    size_t closed;                        /* of them */
    uint64_t left;                        /* of the limit, for turns that have not been met yet */
    size_t wanted;                        /* turns in the queue that the caller wants */
    char resume[FIRN_CHECKPOINT_ID_SIZE]; /* the newest checkpoint that was not visited; "": none */
    char last[FIRN_CHECKPOINT_ID_SIZE];   /* the one that was visited last; "": none yet */
    bool is_over;                         /* the whole history has been visited */
    struct fi_turn *compared;             /* its end is being compared; NULL: none is */
    size_t batch; /* a part ends when so many are closed, and the first is not counted */
    int code;     /* why the walk was ended; FIRN_OK: it was not */
};

static void
destroy(struct fi_turn *turn)
{
    fi_task_turn_deinit(&turn->of);
    fi_turn_own_deinit(&turn->own);
    free(turn);
}

/* ---- handing out ---- */

/* Whether all is known that the caller is told. */
static bool
is_ready(const struct fi_turn_walk *walk, const struct fi_turn *turn)
{
    return turn->is_closed && (turn->is_counted || !turn->is_wanted || !walk->options->counts);
}

/* Hands the first turn of the queue to the caller. Requires: it is ready. */
static int
hand_out(struct fi_turn_walk *walk)
{
    struct fi_turn *head = walk->queue[0];
    assert(walk->count > 0 && is_ready(walk, head));
    walk->count--;
    walk->closed--;
    for (size_t i = 0; i < walk->count; i++) {
        walk->queue[i] = walk->queue[i + 1];
    }
    if (head->is_wanted) {
        walk->wanted--;
        walk->code = walk->options->on_turn(walk->ctx, head);
    }
    destroy(head);
    return walk->code;
}

static int
hand_out_ready(struct fi_turn_walk *walk)
{
    while (walk->count > 0 && is_ready(walk, walk->queue[0])) {
        FI_TRY_RETURN(hand_out(walk));
    }
    return FIRN_OK;
}

/* ---- one checkpoint of the walk ---- */

static void
close_turn(struct fi_turn_walk *walk, struct fi_turn *turn,
           const firn_workspace_checkpoint *beginning)
{
    assert(!turn->is_closed);
    turn->is_closed = true;
    walk->closed++;
    if (beginning != NULL) {
        memcpy(turn->of.first, beginning->id, sizeof(turn->of.first));
        turn->of.first_number = beginning->number;
        turn->is_cut =
            turn->is_cut || (turn->of.after_first != 0 &&
                             turn->of.after_first - beginning->number > 1); /* some are gone */
    }
}

static void
note_overlap(struct fi_turn *turn, const struct fi_turn *other)
{
    if (turn->overlap_count == FI_TURN_OVERLAPS_MAX) {
        turn->overlaps_left++;
        return;
    }
    turn->overlaps[turn->overlap_count++] = other->of.last->number;
}

static bool
is_of_agent(const struct fi_turn *turn)
{
    return turn->of.last->turn.agent.size > 0;
}

/* Notes which command was run last in a turn, from its checkpoints, newest first; of a run, its
 * own. */
static void
note_run(struct fi_turn *turn, const firn_workspace_checkpoint *checkpoint)
{
    const firn_workspace_run *tried = &checkpoint->tried;
    const firn_workspace_run *run =
        tried->command.size > 0 && is_of_agent(turn) ? tried : &checkpoint->run;
    if (!turn->has_exit && run->command.size > 0) {
        turn->has_exit = true;
        turn->exit_code = run->exit_code;
        turn->is_exit_old =
            memcmp(&checkpoint->root, &turn->of.last->root, sizeof(checkpoint->root)) != 0;
    }
}

static bool
is_wanted(const struct fi_turn_walk *walk, const firn_workspace_checkpoint *checkpoint)
{
    const struct fi_turn_walk_options *options = walk->options;
    const firn_workspace_turn *turn = &checkpoint->turn;
    return (options->agent == NULL || fi_task_turn_contains(turn->agent, options->agent)) &&
           (options->session == NULL ||
            (turn->session.size == strlen(options->session) &&
             memcmp(turn->session.data, options->session, turn->session.size) == 0));
}

/* The open turn that a checkpoint is of; NULL if there is none. */
static struct fi_turn *
find_open(const struct fi_turn_walk *walk, const firn_workspace_checkpoint *checkpoint)
{
    for (size_t i = walk->count; i-- > 0;) {
        struct fi_turn *turn = walk->queue[i];
        if (!turn->is_closed && fi_task_turn_is_same(turn->of.last, checkpoint)) {
            return turn;
        }
    }
    return NULL;
}

/* Enters the turn that a checkpoint ended. */
static int
enter(struct fi_turn_walk *walk, const firn_workspace_checkpoint *checkpoint)
{
    struct fi_turn *turn = calloc(1, sizeof(*turn));
    assert(walk->count < QUEUE_MAX); /* (I1) */
    if (turn == NULL || (turn->of.last = fi_task_turn_copy(checkpoint)) == NULL) {
        free(turn);
        walk->code = FIRN_NO_MEMORY;
        return FIRN_NO_MEMORY;
    }
    turn->is_wanted = walk->left > 0 && is_wanted(walk, checkpoint);
    walk->left -= turn->is_wanted;
    walk->wanted += turn->is_wanted;
    for (size_t i = 0; i < walk->count && is_of_agent(turn); i++) {
        if (!walk->queue[i]->is_closed && is_of_agent(walk->queue[i])) {
            note_overlap(walk->queue[i], turn);
            note_overlap(turn, walk->queue[i]);
        }
    }
    walk->queue[walk->count++] = turn;
    walk->compared =
        walk->options->counts && turn->is_wanted && turn->overlap_count == 0 ? turn : NULL;
    return FIRN_OK;
}

/* Whether this part of the walk is to end before the next checkpoint. */
static bool
is_enough(const struct fi_turn_walk *walk)
{
    return walk->count == QUEUE_MAX || (walk->left == 0 && walk->wanted == 0) ||
           (walk->count > 0 && walk->queue[0]->is_closed && walk->closed >= walk->batch);
}

static int
on_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    struct fi_turn_walk *walk = ctx;
    *is_compared = false;
    walk->compared = NULL;
    if (strcmp(walk->last, checkpoint->id) == 0) {
        return FIRN_OK; /* the part begins with the one that the part before ended with */
    }
    for (size_t i = 0; i < walk->count; i++) {
        struct fi_turn *turn = walk->queue[i];
        if (!turn->is_closed && fi_task_turn_is_beginning(turn->of.last, checkpoint)) {
            close_turn(walk, turn, checkpoint);
        } else if (!turn->is_closed) {
            turn->of.after_first = checkpoint->number;
            note_run(turn, checkpoint);
        }
    }
    if (hand_out_ready(walk) != FIRN_OK) {
        return FIRN_CANCELLED;
    }
    if (is_enough(walk)) {
        if (walk->count == QUEUE_MAX && !walk->queue[0]->is_closed) { /* (I1) */
            walk->queue[0]->is_cut = true;
            close_turn(walk, walk->queue[0], checkpoint);
        }
        memcpy(walk->resume, checkpoint->id, sizeof(walk->resume));
        return FIRN_CANCELLED;
    }
    memcpy(walk->last, checkpoint->id, sizeof(walk->last));
    if (fi_task_turn_has(checkpoint) && find_open(walk, checkpoint) == NULL) {
        if (enter(walk, checkpoint) != FIRN_OK) {
            return FIRN_CANCELLED;
        }
        walk->queue[walk->count - 1]->of.after_first = checkpoint->number;
        note_run(walk->queue[walk->count - 1], checkpoint);
    }
    *is_compared = walk->compared != NULL;
    return FIRN_OK;
}

static int
on_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct fi_turn_walk *walk = ctx;
    (void)fi_show_tally_add(&walk->compared->tally, difference);
    return FIRN_OK;
}

/* The end of a turn was compared with the checkpoint before it: unless the turn began before that
 * one, the difference is the turn's. */
static int
on_compared(void *ctx, const firn_workspace_diff_result *result)
{
    struct fi_turn_walk *walk = ctx;
    struct fi_turn *turn = walk->compared;
    turn->is_counted =
        result->before == NULL || fi_task_turn_is_beginning(turn->of.last, result->before);
    turn->renamed = result->renamed;
    if (!turn->is_counted) {
        turn->tally = (struct fi_show_tally){0};
    }
    return FIRN_OK;
}

/* ---- comparing what the walk has not compared ---- */

static int
add_to_tally(void *ctx, const firn_workspace_difference *difference)
{
    (void)fi_show_tally_add(ctx, difference);
    return FIRN_OK;
}

/* Counts what a turn changed. */
static int
count(struct fi_turn_walk *walk, struct fi_turn *turn, firn_error *err)
{
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_diff_result result = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    options.after = turn->of.last->id;
    options.before = turn->of.first[0] != '\0' ? turn->of.first : NULL;
    if (turn->overlap_count > 0) {
        FI_TRY_RETURN(fi_turn_own_read(walk->workspace, &turn->of, turn->overlaps,
                                       turn->overlap_count, &turn->own, err));
    }
    if (fi_turn_own_is_known(&turn->own)) {
        options.before = turn->own.first[0] != '\0' ? turn->own.first : NULL;
        options.paths = turn->own.paths;
        options.path_count = fi_turn_own_is_shared(&turn->own) ? turn->own.count : 0;
    }
    options.against_previous = options.before == NULL;
    options.find_renames = true;
    options.with_lines = true;
    options.lines_bytes_max = LINES_BYTES_MAX;
    options.callbacks = walk->options->callbacks;
    int code =
        firn_workspace_diff(walk->workspace, &options, add_to_tally, &turn->tally, &result, err);
    turn->renamed = result.renamed;
    turn->is_counted = true;
    firn_release(result.before);
    firn_release(result.after);
    return code;
}

/* ---- the walk ---- */

/* Reads the next part of the history. */
static int
read_part(struct fi_turn_walk *walk, firn_error *err)
{
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    char after[FIRN_CHECKPOINT_ID_SIZE];
    memcpy(after, walk->resume, sizeof(after));
    options.after = after[0] != '\0' ? after : NULL;
    options.with_lines = true;
    options.find_renames = true;
    options.lines_bytes_max = LINES_BYTES_MAX;
    options.on_checkpoint = on_checkpoint;
    options.on_difference = on_difference;
    options.callbacks = walk->options->callbacks;
    walk->resume[0] = '\0';
    int code = firn_workspace_log(walk->workspace, &options, on_compared, walk, err);
    if (code == FIRN_CANCELLED && walk->code != FIRN_OK) {
        *err = (firn_error){.code = walk->code, .text = "out of memory"};
        return walk->code;
    }
    if (code == FIRN_CANCELLED && walk->resume[0] != '\0') {
        return FIRN_OK;
    }
    walk->is_over = true;
    for (size_t i = 0; i < walk->count; i++) {
        if (!walk->queue[i]->is_closed) {
            close_turn(walk, walk->queue[i], NULL);
        }
    }
    return code;
}

/* Counts and hands out what is closed, in order. */
static int
settle(struct fi_turn_walk *walk, firn_error *err)
{
    while (walk->count > 0 && walk->queue[0]->is_closed) {
        struct fi_turn *head = walk->queue[0];
        if (!is_ready(walk, head)) {
            FI_TRY_RETURN(count(walk, head, err));
        }
        if (hand_out(walk) != FIRN_OK) {
            *err = (firn_error){.code = walk->code, .text = "cancelled"};
            return walk->code;
        }
    }
    walk->batch = walk->batch < QUEUE_MAX / 2 ? 2 * walk->batch : walk->batch;
    return FIRN_OK;
}

int
fi_turn_walk(firn_workspace *workspace, const struct fi_turn_walk_options *options, void *ctx,
             firn_error *err)
{
    struct fi_turn_walk walk = {.workspace = workspace,
                                .options = options,
                                .ctx = ctx,
                                .left = options->limit,
                                .batch = BATCH_MIN};
    int code = FIRN_OK;
    while (code == FIRN_OK && !walk.is_over && (walk.left > 0 || walk.wanted > 0)) {
        code = read_part(&walk, err);
        if (code == FIRN_OK) {
            code = settle(&walk, err);
        }
    }
    for (size_t i = 0; i < walk.count; i++) {
        destroy(walk.queue[i]);
    }
    return code;
}
