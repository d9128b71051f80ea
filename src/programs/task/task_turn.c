/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_turn.c: what names a turn of a coding agent, and where the turn began and ended. What
 * firn run has run counts as a turn.
 *
 * A turn is named by "@" and the number of a checkpoint that it has: that never changes, it is what
 * firn turns shows, and neither a checkpoint nor a tag is called so. A turn with a save after each
 * tool has several checkpoints, and each of them names it; the newest is where it ended, or where
 * it is. "@" and a piece of the prompt name a turn, too, if the prompts of no other turn contain
 * the piece, or if it is the whole of one prompt.
 *
 * A turn began in the newest checkpoint that is not newer than its beginning. If its beginning was
 * not recorded, that is the one before it. Both are found by a walk from the newest checkpoint to
 * older ones that keeps nothing but the turns it has found, at most NAMED_MAX.
 */
#include "task/task.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "show/show.h"
#include "term/term.h"

enum {
    NAMED_MAX = 4, /* turns that an error lists */
    TEXT_SHOWN_MAX = 80
};

static const char turns_hint[] = "firn turns lists the turns";

bool
fi_task_turn_is_name(const char *word)
{
    return word[0] == '@' && word[1] != '\0' && strchr("~^@{.:", word[1]) == NULL &&
           strstr(word, "..") == NULL;
}

static bool
is_equal(firn_slice a, firn_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

firn_slice
fi_task_turn_trim(firn_slice text)
{
    while (text.size > 0 && strchr(" \t\r\n", text.data[0]) != NULL) {
        text = firn_bytes(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && strchr(" \t\r\n", text.data[text.size - 1]) != NULL) {
        text.size--;
    }
    return text;
}

bool
fi_task_turn_has(const firn_workspace_checkpoint *checkpoint)
{
    return checkpoint->turn.agent.size > 0 || checkpoint->run.command.size > 0;
}

int64_t
fi_task_turn_begun_ns(const firn_workspace_checkpoint *checkpoint)
{
    return checkpoint->turn.agent.size > 0 ? checkpoint->turn_begun_ns : checkpoint->run.begun_ns;
}

firn_slice
fi_task_turn_text(const firn_workspace_checkpoint *checkpoint)
{
    return fi_task_turn_trim(checkpoint->turn.agent.size > 0 ? checkpoint->turn.prompt
                                                             : checkpoint->run.command);
}

bool
fi_task_turn_is_same(const firn_workspace_checkpoint *a, const firn_workspace_checkpoint *b)
{
    return a->turn.agent.size > 0 && a->turn_begun_ns != 0 &&
           a->turn_begun_ns == b->turn_begun_ns && is_equal(a->turn.agent, b->turn.agent) &&
           is_equal(a->turn.session, b->turn.session);
}

bool
fi_task_turn_is_beginning(const firn_workspace_checkpoint *end,
                          const firn_workspace_checkpoint *older)
{
    const int64_t begun_ns = fi_task_turn_begun_ns(end);
    assert(fi_task_turn_has(end));
    return !older->is_safety && older->number < end->number && !fi_task_turn_is_same(end, older) &&
           (begun_ns == 0 || older->created_ns <= begun_ns);
}

bool
fi_task_turn_contains(firn_slice text, const char *part)
{
    const size_t size = strlen(part);
    for (size_t i = 0; i + size <= text.size; i++) {
        if (strncasecmp((const char *)text.data + i, part, size) == 0) {
            return true;
        }
    }
    return false;
}

/* Copies a text to *to, and moves that after it. */
static firn_slice
copy_text(firn_slice text, uint8_t **to)
{
    uint8_t *at = *to;
    if (text.size > 0) {
        memcpy(at, text.data, text.size);
    }
    *to += text.size;
    return firn_bytes(at, text.size);
}

firn_workspace_checkpoint *
fi_task_turn_copy(const firn_workspace_checkpoint *checkpoint)
{
    const firn_workspace_turn *turn = &checkpoint->turn;
    const size_t texts = checkpoint->message.size + turn->agent.size + turn->session.size +
                         turn->prompt.size + checkpoint->run.command.size +
                         checkpoint->tried.command.size;
    firn_workspace_checkpoint *copy = malloc(sizeof(*copy) + texts);
    if (copy == NULL) {
        return NULL;
    }
    uint8_t *to = (uint8_t *)(copy + 1);
    *copy = *checkpoint;
    copy->message = copy_text(checkpoint->message, &to);
    copy->turn.agent = copy_text(turn->agent, &to);
    copy->turn.session = copy_text(turn->session, &to);
    copy->turn.prompt = copy_text(turn->prompt, &to);
    copy->run.command = copy_text(checkpoint->run.command, &to);
    copy->tried.command = copy_text(checkpoint->tried.command, &to);
    return copy;
}

/* ---- finding ---- */

struct search {
    const char *text;                            /* NULL: the turn of a checkpoint is looked for */
    const firn_workspace_checkpoint *of;         /* that checkpoint */
    firn_workspace_checkpoint *found[NAMED_MAX]; /* with which they ended */
    size_t count;
    size_t more;                      /* that there was no room for */
    firn_workspace_checkpoint *whole; /* of which the text is the whole prompt; NULL: none */
    bool has_wholes;                  /* of several */
    bool is_out_of_memory;
};

static void
keep_copy(struct search *search, const firn_workspace_checkpoint *checkpoint,
          firn_workspace_checkpoint **out)
{
    *out = fi_task_turn_copy(checkpoint);
    search->is_out_of_memory = search->is_out_of_memory || *out == NULL;
}

/* Notes a turn whose prompt contains the text, at its newest checkpoint. */
static void
note_match(struct search *search, const firn_workspace_checkpoint *checkpoint)
{
    const firn_slice prompt = fi_task_turn_text(checkpoint);
    for (size_t i = 0; i < search->count; i++) {
        if (fi_task_turn_is_same(search->found[i], checkpoint)) {
            return;
        }
    }
    if (prompt.size == strlen(search->text) &&
        (search->whole == NULL || !fi_task_turn_is_same(search->whole, checkpoint))) {
        search->has_wholes = search->whole != NULL;
        if (search->whole == NULL) {
            keep_copy(search, checkpoint, &search->whole);
        }
    }
    if (search->count == NAMED_MAX) {
        search->more++;
        return;
    }
    keep_copy(search, checkpoint, &search->found[search->count]);
    search->count += search->found[search->count] != NULL;
}

static int
visit(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct search *search = ctx;
    if (search->text != NULL) {
        if (fi_task_turn_has(checkpoint) &&
            fi_task_turn_contains(fi_task_turn_text(checkpoint), search->text)) {
            note_match(search, checkpoint);
        }
    } else if (checkpoint->number == search->of->number ||
               fi_task_turn_is_same(checkpoint, search->of)) {
        keep_copy(search, checkpoint, &search->found[0]);
        search->count = search->found[0] != NULL;
        return FIRN_CANCELLED;
    }
    return search->is_out_of_memory || fi_term_signals_caught() != 0 ? FIRN_CANCELLED : FIRN_OK;
}

__attribute__((format(printf, 3, 4))) static int
fail(firn_error *err, int code, const char *format, ...)
{
    va_list arguments;
    *err = (firn_error){.code = code};
    va_start(arguments, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, arguments);
    va_end(arguments);
    return code;
}

static char composed[FIRN_ERROR_TEXT_SIZE]; /* the callback of fi_term_width_cut has no context */
static size_t composed_size;

/* Cut if there is no room. */
static void
task_turn_compose(const void *data, size_t size)
{
    const size_t room = sizeof(composed) - 1 - composed_size;
    size = size < room ? size : room;
    memcpy(composed + composed_size, data, size);
    composed_size += size;
    composed[composed_size] = '\0';
}

/* "'it' is in the prompts of several turns: @5 (rename it again), @4 (rename it) and 7 more" */
static int
refuse_several(const struct search *search, firn_error *err)
{
    enum { TITLE_COLUMNS = 40, NUMBER_SIZE = 40 };
    char number[NUMBER_SIZE];
    composed_size = 0;
    for (size_t i = 0; i < search->count; i++) {
        (void)snprintf(number, sizeof(number), "%s@%llu (", i > 0 ? ", " : "",
                       (unsigned long long)search->found[i]->number);
        task_turn_compose(number, strlen(number));
        fi_term_width_cut(fi_task_turn_text(search->found[i]), TITLE_COLUMNS, task_turn_compose);
        task_turn_compose(")", 1);
    }
    if (search->more > 0) {
        (void)snprintf(number, sizeof(number), " and %zu more", search->more);
        task_turn_compose(number, strlen(number));
    }
    return fail(err, FIRN_INVALID, "'%.*s' is in the prompts of several turns: %s", TEXT_SHOWN_MAX,
                search->text, composed);
}

/* Finds the newest checkpoint of the turn that a name means; *out is on the heap. */
static int
find_last(firn_workspace *workspace, const char *name, firn_workspace_checkpoint **out,
          firn_error *err)
{
    struct search search = {.text = NULL};
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    firn_workspace_checkpoint *of = NULL;
    int code = FIRN_OK;
    *out = NULL;
    if (name[strspn(name, "0123456789")] == '\0') {
        code = firn_workspace_find(workspace, name, &of, err);
        if (code == FIRN_OK && !fi_task_turn_has(of)) {
            code = fail(err, FIRN_NOT_FOUND, "checkpoint %s is of no turn", name);
        }
        search.of = of;
    } else {
        search.text = name;
    }
    if (code == FIRN_OK) {
        code = firn_workspace_list(workspace, &options, visit, &search, err);
        code = code == FIRN_CANCELLED && search.count > 0 && fi_term_signals_caught() == 0 ? FIRN_OK
                                                                                           : code;
    }
    firn_workspace_checkpoint *const only =
        search.whole != NULL && !search.has_wholes ? search.whole : search.found[0];
    if (search.is_out_of_memory) {
        code = fail(err, FIRN_NO_MEMORY, "out of memory");
    } else if (code == FIRN_OK && search.count == 0) {
        code = fail(err, FIRN_NOT_FOUND, "no turn has '%.*s' in its prompt", TEXT_SHOWN_MAX, name);
    } else if (code == FIRN_OK && search.count + search.more > 1 && only != search.whole) {
        code = refuse_several(&search, err);
    } else if (code == FIRN_OK) {
        assert(only != NULL); /* count > 0 */
        *out = fi_task_turn_copy(only);
        code = *out != NULL ? FIRN_OK : fail(err, FIRN_NO_MEMORY, "out of memory");
    }
    for (size_t i = 0; i < search.count; i++) {
        free(search.found[i]);
    }
    free(search.whole);
    firn_release(of);
    return code;
}

static int
visit_older(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    struct fi_task_turn *turn = ctx;
    *is_compared = false;
    if (!fi_task_turn_is_beginning(turn->last, checkpoint)) {
        turn->after_first = checkpoint->number;
        return fi_term_signals_caught() == 0 ? FIRN_OK : FIRN_CANCELLED;
    }
    memcpy(turn->first, checkpoint->id, sizeof(turn->first));
    turn->first_number = checkpoint->number;
    return FIRN_CANCELLED;
}

static int
take_none(void *ctx, const firn_workspace_diff_result *result)
{
    (void)ctx;
    (void)result;
    return FIRN_OK;
}

int
fi_task_turn_look(firn_workspace *workspace, const char *name, struct fi_task_turn *out,
                  firn_error *err)
{
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    *out = (struct fi_task_turn){.last = NULL};
    int code = find_last(workspace, name + (name[0] == '@'), &out->last, err);
    if (code == FIRN_OK) {
        options.after = out->last->id;
        options.on_checkpoint = visit_older;
        code = firn_workspace_log(workspace, &options, take_none, out, err);
        code = code == FIRN_CANCELLED && out->first_number != 0 ? FIRN_OK : code;
    }
    if (code != FIRN_OK) {
        fi_task_turn_deinit(out);
    }
    return code;
}

int
fi_task_turn_find(struct fi_cli *cli, firn_workspace *workspace, const char *name,
                  struct fi_task_turn *out)
{
    firn_error err;
    int code = fi_task_turn_look(workspace, name, out, &err);
    return code == FIRN_OK ? FI_EXIT_OK
                           : fi_command_report_failure(cli, &err, fi_task_turn_hint(code));
}

const char *
fi_task_turn_hint(int code)
{
    return code == FIRN_INVALID     ? "name one by its number: @N"
           : code == FIRN_NOT_FOUND ? turns_hint
                                    : NULL;
}

void
fi_task_turn_deinit(struct fi_task_turn *turn)
{
    free(turn->last);
    *turn = (struct fi_task_turn){.last = NULL};
}
