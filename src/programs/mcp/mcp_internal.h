/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_internal.h: what the files of this room share. Only files of this folder, test_mcp.c and
 * fuzz_mcp.c include it.
 */
#ifndef FIRN_MCP_MCP_INTERNAL_H
#define FIRN_MCP_MCP_INTERNAL_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catalog/catalog_fields.h"
#include "command/command.h"
#include "firn/firn.h"
#include "firn/types.h"
#include "mcp/mcp.h"
#include "show/show.h"
#include "term/term.h"

/* ---- bytes as they arrive, cut into lines of a bounded length ---- */

enum { FI_MCP_LINE_SIZE_MAX = 1 << 20, FI_MCP_LINE_READ_SIZE = 64 * 1024 };

/* All zero is an empty one. */
struct fi_mcp_line {
    char *data;
    size_t size; /* of what came of the line that is being read; its end is not there yet */
    size_t capacity;
    bool is_cut; /* more came than is kept */
};

void fi_mcp_line_deinit(struct fi_mcp_line *line);

/* Takes bytes and calls take for each line that they complete, without its end ("\n" or "\r\n").
 * Of a line beyond FI_MCP_LINE_SIZE_MAX, or for which there is no memory, only the beginning is
 * kept, and is_cut is true. */
void fi_mcp_line_feed(struct fi_mcp_line *line, firn_slice bytes,
                      void (*take)(void *ctx, firn_slice line, bool is_cut), void *ctx);

/* ---- what a line of JSON-RPC 2.0 says ---- */

/* JSON-RPC's own codes for errors, one of the Model Context Protocol, and one of this server's. */
enum fi_mcp_code {
    FI_MCP_PARSE_ERROR = -32700,
    FI_MCP_INVALID_REQUEST = -32600,
    FI_MCP_METHOD_NOT_FOUND = -32601,
    FI_MCP_INVALID_PARAMS = -32602,
    FI_MCP_INTERNAL_ERROR = -32603,
    FI_MCP_UNSUPPORTED_VERSION = -32022,
    FI_MCP_TOO_MANY = -31000 /* outside the range that JSON-RPC and the protocol reserve */
};

/* An id is kept, compared and sent back as the JSON text that it is; "null" where there is none. */
enum { FI_MCP_MESSAGE_ID_SIZE = 300 };

enum fi_mcp_message_kind {
    FI_MCP_MESSAGE_REQUEST,
    FI_MCP_MESSAGE_NOTIFICATION,
    FI_MCP_MESSAGE_RESPONSE,
    FI_MCP_MESSAGE_INVALID /* `problem` says why */
};

struct fi_mcp_message {
    enum fi_mcp_message_kind kind;
    char id[FI_MCP_MESSAGE_ID_SIZE];
    const char *method;   /* borrowed from the value, as is params */
    const json_t *params; /* an object, or NULL */
    int code;             /* of enum fi_mcp_code, with the problem */
    const char *problem;
};

/* Parses a line. NULL with *out_code, FI_MCP_PARSE_ERROR or FI_MCP_INTERNAL_ERROR, and a text
 * why. To be given back with json_decref. */
json_t *fi_mcp_message_parse(firn_slice line, int *out_code, char *out_text, size_t text_size);

/* What a parsed message is. */
void fi_mcp_message_read(const json_t *value, struct fi_mcp_message *out);

/* Writes a request's id, or a progress token: a string or a number. False if it is neither, or too
 * long. */
bool fi_mcp_message_id(const json_t *value, char out[FI_MCP_MESSAGE_ID_SIZE]);

/* Finds the id in a line that is no JSON, or only the beginning of some; "null" if there is none.
 * A client that gets its id back knows which of its requests failed, and does not wait for it. */
void fi_mcp_message_dig(firn_slice line, char out[FI_MCP_MESSAGE_ID_SIZE]);

/* ---- what answers look like ---- */

/* What a request speaks: a version that begins with initialize (2025-11-25 and before), or one
 * whose every request says all that is needed to answer it (2026-07-28). */
enum fi_mcp_era { FI_MCP_LEGACY, FI_MCP_STATELESS };

/* Begins an answer with a result: members of it may follow, then fi_mcp_output_end. */
void fi_mcp_output_begin_result(struct fi_term_writer *json, const char *id, enum fi_mcp_era era);
void fi_mcp_output_end(struct fi_term_writer *json);
/* "name" and "version" of this server, in an object. */
void fi_mcp_output_server_info(struct fi_term_writer *json, const char *key);
/* The refusal of a version that this server does not speak, naming those that it does. */
void fi_mcp_output_unsupported(struct fi_term_writer *json, const char *id, const char *asked,
                               const char *const *supported, size_t count);
/* The answer to a call that has succeeded, with the members of its structured result. The same
 * object is its text, for clients that read no structured ones. */
void fi_mcp_output_result(struct fi_term_writer *json, const char *id, enum fi_mcp_era era,
                          firn_slice members);
/* The answer to a call that has failed. */
void fi_mcp_output_failure(struct fi_term_writer *json, const char *id, enum fi_mcp_era era,
                           const firn_error *error, const char *hint);

/* ---- sending messages, alone or gathered into the answer to a batch. Any thread ---- */

struct fi_mcp_output {
    void (*send)(void *ctx, const char *data, size_t size); /* one thread at a time */
    void *ctx;
    pthread_mutex_t lock; /* held while something is sent, and over the batches */
};

/* The answers to several messages, sent as one array when all are there. The reader of the messages
 * has a share in it, and so has every request that is not answered yet. */
struct fi_mcp_output_batch;

FIRN_MUST_CHECK bool fi_mcp_output_init(struct fi_mcp_output *output);
void fi_mcp_output_deinit(struct fi_mcp_output *output);

/* Sends a message; nothing if its writer has failed. */
void fi_mcp_output_send(struct fi_mcp_output *output, struct fi_term_writer *json);
/* Sends the answer to the request `id`, or puts it into that of its batch (NULL: there is none). If
 * there was no memory for it, the client is told so. */
void fi_mcp_output_answer(struct fi_mcp_output *output, struct fi_mcp_output_batch *batch,
                          const char *id, struct fi_term_writer *json);
/* The same with an error of JSON-RPC. */
void fi_mcp_output_refuse(struct fi_mcp_output *output, struct fi_mcp_output_batch *batch,
                          const char *id, int code, const char *text);

/* With one share; NULL if there is no memory. */
struct fi_mcp_output_batch *fi_mcp_output_batch_create(void);
/* One share more, or less; of NULL nothing. The last one sends what came together. */
void fi_mcp_output_batch_ref(struct fi_mcp_output *output, struct fi_mcp_output_batch *batch);
void fi_mcp_output_batch_unref(struct fi_mcp_output *output, struct fi_mcp_output_batch *batch);

/* ---- the parameters of a tool, as a schema for clients and as a check of what they send ---- */

enum fi_mcp_arguments_kind {
    FI_MCP_ARGUMENTS_STRING, /* without NUL */
    FI_MCP_ARGUMENTS_TEXT,   /* any characters */
    FI_MCP_ARGUMENTS_BOOL,
    FI_MCP_ARGUMENTS_COUNT,  /* a whole number from 0 on */
    FI_MCP_ARGUMENTS_STRINGS /* an array of at least one string without NUL */
};

/* A list of them ends with one whose name is NULL. */
struct fi_mcp_arguments_param {
    const char *name;
    enum fi_mcp_arguments_kind kind;
    bool is_required;
    const char *text; /* for the model or the person that fills it in */
};

/* Writes the JSON Schema of an object with these members and no others, as a member of `json`. */
void fi_mcp_arguments_schema(struct fi_term_writer *json, const char *key,
                             const struct fi_mcp_arguments_param *params);

/* Whether these arguments (NULL is none) match the table; otherwise `why` gets the reason. A null
 * counts as not given. */
bool fi_mcp_arguments_check(const struct fi_mcp_arguments_param *params, const json_t *arguments,
                            char *why, size_t why_size);

/* Of checked arguments; a missing one is NULL or the fallback. */
const char *fi_mcp_arguments_string(const json_t *arguments, const char *name);
bool fi_mcp_arguments_bool(const json_t *arguments, const char *name, bool fallback);
uint64_t fi_mcp_arguments_count(const json_t *arguments, const char *name, uint64_t fallback);

/* ---- which directories the server serves ---- */

enum { FI_MCP_ROOTS_MAX = 64 };

struct fi_mcp_roots {
    char *own;            /* the directory in which the server was started; NULL: it is gone */
    char *const *allowed; /* borrowed */
    size_t allowed_count;
    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t has_news;
    char *client[FI_MCP_ROOTS_MAX];
    size_t client_count;
    unsigned asked;   /* how often the client was asked */
    bool is_declared; /* the client can be asked */
    bool is_awaited;  /* it has not answered yet */
};

/* The paths, which are real ones, are borrowed. False if there is no memory. */
FIRN_MUST_CHECK bool fi_mcp_roots_init(struct fi_mcp_roots *roots, char *const *allowed,
                                       size_t allowed_count);
void fi_mcp_roots_deinit(struct fi_mcp_roots *roots);
/* The capabilities of the client, from initialize. */
void fi_mcp_roots_declare(struct fi_mcp_roots *roots, const json_t *capabilities);
/* Whether the client is to be asked for its roots now, by a request with this id. */
bool fi_mcp_roots_request(struct fi_mcp_roots *roots, char id[FI_MCP_MESSAGE_ID_SIZE]);
/* A response of the client. One that was not asked for is ignored; an error, or what is no list, is
 * none. */
void fi_mcp_roots_take(struct fi_mcp_roots *roots, const char *id, const json_t *message);
/* No answer will come any more. */
void fi_mcp_roots_close(struct fi_mcp_roots *roots);
/* Whether a path is served. With `waits` it waits some seconds for the client's roots, if they are
 * to come. Any thread. */
bool fi_mcp_roots_have(struct fi_mcp_roots *roots, const char *path, bool waits,
                       bool (*is_cancelled)(void *ctx), void *ctx);
/* The path of a file: URI on this machine, to be freed; NULL if it is none, or there is no
 * memory. */
char *fi_mcp_roots_path(const char *uri);

/* ---- one call of a tool: what it was given, and what comes of it ---- */

/* A call belongs to the thread that performs it, except for the members that the library's
 * callbacks use. Callbacks come from any thread, one at a time, and other code does not touch these
 * members. */

/* Rows of changes, entries and notices in one answer; the rest is counted. */
enum { FI_MCP_CALL_ROWS_MAX = 1000, FI_MCP_CALL_RESULT_SIZE_MAX = 4 << 20 };

/* What the surroundings give: may be asked and told from any thread. */
struct fi_mcp_call_host {
    const char *store_path;
    bool names_root; /* see mcp.h */
    int64_t wait_ms;
    bool has_wait;
    bool (*is_cancelled)(void *ctx);
    void (*on_progress)(void *ctx, uint64_t done, const char *text); /* a few times a second */
    void *ctx;
    void (*collect)(firn_workspace *workspace);  /* see mcp.h; may be NULL */
    bool (*serves)(void *ctx, const char *path); /* whether a directory is served; NULL: all are */
};

struct fi_mcp_call {
    const struct fi_mcp_call_host *host;
    uint64_t foreign_count;  /* files in the store that firn did not make */
    const json_t *arguments; /* checked; may be NULL */
    firn_workspace *workspace;
    struct fi_term_writer result; /* the members of an object, without its brackets */
    firn_error error;             /* of a call that failed */
    const char *hint;             /* what to do next; may be NULL */

    int64_t wait_ms;
    struct fi_command_settings settings;
    firn_slice *paths; /* of the argument "paths" */
    char *path_text;   /* what they point into */
    size_t path_count;
    char conflicts[700]; /* of a revert: the first ones */
    unsigned hooks;      /* of agents, as they were when the workspace was opened */

    uint64_t rows; /* of the array that is being written, and not shown */
    uint64_t rows_not_shown;
    struct fi_term_writer notices;
    uint64_t notice_count;
    uint64_t notices_not_shown;
    const char *phase; /* of the progress told last */
    uint64_t phase_done;
    uint64_t phases_done; /* in the phases before */
    int64_t told_ms;      /* when progress was told last */
};

void fi_mcp_call_init(struct fi_mcp_call *call, const struct fi_mcp_call_host *host,
                      const json_t *arguments);
void fi_mcp_call_deinit(struct fi_mcp_call *call);

/* Opens the workspace of the argument workspace_path and reads its settings. */
FIRN_MUST_CHECK int fi_mcp_call_open(struct fi_mcp_call *call);
/* The same, and fills paths from the argument of that name, or with the one path of "path"; without
 * them, from where workspace_path points below the root. */
FIRN_MUST_CHECK int fi_mcp_call_open_paths(struct fi_mcp_call *call);
/* Calls attempt until it does not fail for another writer's lock, as long as may be waited. Fills
 * call->error. */
FIRN_MUST_CHECK int fi_mcp_call_attempt(struct fi_mcp_call *call,
                                        int (*attempt)(void *ctx, firn_error *err), void *ctx);
/* Has the host collect garbage, if it does that, after a call that may have made some. */
void fi_mcp_call_collect(struct fi_mcp_call *call);
/* For the library's options. */
firn_callbacks fi_mcp_call_callbacks(struct fi_mcp_call *call);

/* Says what to do next if the restore or revert that has just failed is half done. */
void fi_mcp_call_hint_pending(struct fi_mcp_call *call);
/* Fails the call with a message of its own; returns the code. */
int fi_mcp_call_fail(struct fi_mcp_call *call, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether one more row is shown in the array that is open in call->result; counts it. */
bool fi_mcp_call_has_room(struct fi_mcp_call *call);
/* Adds notices of hooks of agents that were in the workspace when it was opened, and are gone. */
void fi_mcp_call_report_hooks(struct fi_mcp_call *call);
/* The members <what>_not_shown, if there were such rows, and notices. */
void fi_mcp_call_write_not_shown(struct fi_mcp_call *call, const char *key);
void fi_mcp_call_write_notices(struct fi_mcp_call *call);

/* The number of the checkpoint that a turn ended with, of which a name or a piece of the prompt is
 * given. Returns a code of the library; the error is that of the call. Requires: the workspace is
 * open. */
int fi_mcp_turns_find(struct fi_mcp_call *call, const char *name, uint64_t *out);
/* snapshot_id and number. */
void fi_mcp_call_write_name(const firn_workspace_checkpoint *checkpoint);
/* All that a checkpoint has: what JSON has of it, created_at and the object stats. */
void fi_mcp_call_write_checkpoint(const firn_workspace_checkpoint *checkpoint);
/* One row of an array of changes; another member may follow before fi_term_writer_end. */
void fi_mcp_call_begin_change(const firn_workspace_change *change);
/* A visitor for the library that writes such rows. */
int fi_mcp_call_visit_change(void *ctx, const firn_workspace_change *change);

/* ---- the tools that the server offers ---- */

struct fi_mcp_tool {
    const char *name;
    const char *title;
    const char *text;
    const struct fi_mcp_arguments_param *params;
    const char *output;   /* JSON: the properties of its result */
    const char *required; /* JSON: an array of those that a result always has */
    bool is_read_only;    /* changes nothing at all */
    bool is_destructive;  /* may take away what is there */
    bool is_idempotent;   /* a second time changes nothing more */
    bool is_open_world;   /* reaches other machines */
    /* Writes call->result, which is the open object of term.h meanwhile, or fills call->error and
     * returns its code. */
    int (*run)(struct fi_mcp_call *call);
};

/* ---- each tool, and the parts that their schemas share ---- */

extern const struct fi_mcp_tool fi_mcp_save_tool;
extern const struct fi_mcp_tool fi_mcp_list_tool;
extern const struct fi_mcp_tool fi_mcp_log_tool;
extern const struct fi_mcp_tool fi_mcp_find_tool;
extern const struct fi_mcp_tool fi_mcp_describe_tool;
extern const struct fi_mcp_tool fi_mcp_cat_tool;
extern const struct fi_mcp_tool fi_mcp_delete_tool;
extern const struct fi_mcp_tool fi_mcp_push_tool;
extern const struct fi_mcp_tool fi_mcp_restore_tool;
extern const struct fi_mcp_tool fi_mcp_restore_undo_tool;
extern const struct fi_mcp_tool fi_mcp_restore_redo_tool;
extern const struct fi_mcp_tool fi_mcp_steps_tool;
extern const struct fi_mcp_tool fi_mcp_turns_tool;
extern const struct fi_mcp_tool fi_mcp_revert_tool;
extern const struct fi_mcp_tool fi_mcp_show_tool;
extern const struct fi_mcp_tool fi_mcp_status_tool;
extern const struct fi_mcp_tool fi_mcp_diff_tool;

#define FI_MCP_TOOL_WORKSPACE_PARAM                                                \
    {                                                                              \
        "workspace_path", FI_MCP_ARGUMENTS_STRING, false,                          \
            "Path of the directory; a path inside of a workspace means that one. " \
            "Without it the directory in which the server was started"             \
    }
#define FI_MCP_TOOL_END_PARAM                    \
    {                                            \
        NULL, FI_MCP_ARGUMENTS_BOOL, false, NULL \
    }
#define FI_MCP_TOOL_PATHS_PARAM                                                      \
    {                                                                                \
        "paths", FI_MCP_ARGUMENTS_STRINGS, false,                                    \
            "Only these files and directories, relative to workspace_path, and what" \
            " is below them"                                                         \
    }
#define FI_MCP_TOOL_REFERENCE                                                                 \
    "a number, an id or at least four letters from its start, latest, latest~2, a tag, or a " \
    "time such as 10m, 14:30 or 2026-11-20 14:30 (local)"

#define FI_MCP_TOOL_STRING(name) "\"" name "\":{\"type\":\"string\"}"
#define FI_MCP_TOOL_INTEGER(name) "\"" name "\":{\"type\":\"integer\",\"minimum\":0}"
#define FI_MCP_TOOL_GIT(name) \
    FI_MCP_TOOL_OBJECT(       \
        name, FI_MCP_TOOL_STRING_OR_NULL("branch") "," FI_MCP_TOOL_STRING_OR_NULL("commit"))
#define FI_MCP_TOOL_NUMBER_OR_NULL(name) "\"" name "\":{\"type\":[\"integer\",\"null\"]}"
#define FI_MCP_TOOL_STRING_OR_NULL(name) "\"" name "\":{\"type\":[\"string\",\"null\"]}"
#define FI_MCP_TOOL_BOOL(name) "\"" name "\":{\"type\":\"boolean\"}"
#define FI_MCP_TOOL_OBJECTS(name, properties)                                                     \
    "\"" name "\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{" properties \
    "}}}"
#define FI_MCP_TOOL_OBJECT(name, properties) \
    "\"" name "\":{\"type\":\"object\",\"properties\":{" properties "}}"
#define FI_MCP_TOOL_NAME FI_MCP_TOOL_STRING("snapshot_id") "," FI_MCP_TOOL_NUMBER_OR_NULL("number")
/* clang-format off */
#define FI_MCP_TOOL_STATS \
    "\"stats\":{\"type\":\"object\",\"properties\":{" FI_MCP_TOOL_INTEGER("total_files") "," \
    FI_MCP_TOOL_INTEGER("total_bytes") "," \
    FI_MCP_TOOL_INTEGER("new_objects") \
    "},\"required\":[\"total_files\",\"total_bytes\",\"new_objects\"]}"
/* clang-format on */
/* What fi_mcp_call_write_checkpoint writes. */
/* clang-format off */
#define FI_MCP_TOOL_TURN \
    FI_MCP_TOOL_OBJECT("turn", \
        FI_MCP_TOOL_STRING("agent") "," FI_MCP_TOOL_STRING("session") "," \
        FI_MCP_TOOL_NUMBER_OR_NULL("number") "," FI_MCP_TOOL_STRING("prompt"))
#define FI_MCP_TOOL_FIELD_NUMBER(key) FI_MCP_TOOL_NUMBER_OR_NULL(key)
#define FI_MCP_TOOL_FIELD_COUNT(key) FI_MCP_TOOL_INTEGER(key)
#define FI_MCP_TOOL_FIELD_BOOL(key) FI_MCP_TOOL_BOOL(key)
#define FI_MCP_TOOL_FIELD_TIME(key) FI_MCP_TOOL_STRING(key)
#define FI_MCP_TOOL_FIELD_TEXT(key) FI_MCP_TOOL_STRING(key)
#define FI_MCP_TOOL_FIELD_ID(key) FI_MCP_TOOL_STRING(key)
#define FI_MCP_TOOL_FIELD_NAME(key) FI_MCP_TOOL_STRING_OR_NULL(key)
#define FI_MCP_TOOL_FIELD_HASH(key) FI_MCP_TOOL_STRING(key)
#define FI_MCP_TOOL_FIELD_OF_NONE(key, kind) "," FI_MCP_TOOL_FIELD_##kind(key)
#define FI_MCP_TOOL_FIELD_OF_TURN(key, kind)
#define FI_MCP_TOOL_FIELD_OF_GIT(key, kind)
#define FI_MCP_TOOL_FIELD(name, object, key, kind, member, place) \
    FI_MCP_TOOL_FIELD_OF_##object(key, kind)
#define FI_MCP_TOOL_CHECKPOINT \
    FI_MCP_TOOL_STRING("created_at") "," FI_MCP_TOOL_STATS "," FI_MCP_TOOL_TURN "," \
    FI_MCP_TOOL_GIT("git") FI_CATALOG_FIELDS(FI_MCP_TOOL_FIELD)
/* clang-format on */
#define FI_MCP_TOOL_NOTICES                                                           \
    FI_MCP_TOOL_OBJECTS("notices", FI_MCP_TOOL_STRING("kind") "," FI_MCP_TOOL_STRING( \
                                       "path") "," FI_MCP_TOOL_STRING("text"))        \
    "," FI_MCP_TOOL_INTEGER("notices_not_shown")
#define FI_MCP_TOOL_CHANGE       \
    FI_MCP_TOOL_STRING("change") \
    "," FI_MCP_TOOL_STRING("path") "," FI_MCP_TOOL_BOOL("directory")
#define FI_MCP_TOOL_COUNTS             \
    FI_MCP_TOOL_INTEGER("files_added") \
    "," FI_MCP_TOOL_INTEGER("files_changed") "," FI_MCP_TOOL_INTEGER("files_removed")
/* clang-format off */
#define FI_MCP_TOOL_STEP \
    FI_MCP_TOOL_STRING("kind") "," \
    FI_MCP_TOOL_STRING("text") "," \
    FI_MCP_TOOL_STRING("time") "," \
    FI_MCP_TOOL_NAME "," \
    FI_MCP_TOOL_COUNTS "," \
    FI_MCP_TOOL_OBJECTS("facts", \
        FI_MCP_TOOL_STRING("name") "," \
        FI_MCP_TOOL_STRING_OR_NULL("before") "," \
        FI_MCP_TOOL_STRING_OR_NULL("after")) "," \
    FI_MCP_TOOL_OBJECTS("paths", FI_MCP_TOOL_STRING("path"))
/* clang-format on */
#define FI_MCP_TOOL_CHANGES                            \
    FI_MCP_TOOL_OBJECTS("changes", FI_MCP_TOOL_CHANGE) \
    "," FI_MCP_TOOL_INTEGER("changes_not_shown")

/* The members of the object of a step, FI_MCP_TOOL_STEP. mcp_steps.c. */
void fi_mcp_steps_write(const firn_workspace_step *step);

/* ---- the prompts that the server offers; mcp_prompt.c ---- */

struct fi_mcp_prompt;

/* The array of all, for prompts/list, as a member `key` of json. */
void fi_mcp_prompt_list(struct fi_term_writer *json, const char *key);
/* The prompt that the parameters of prompts/get name, if their arguments match it. NULL and why
 * not. */
const struct fi_mcp_prompt *fi_mcp_prompt_find(const json_t *params, char *why, size_t why_size);
/* The members of the result of prompts/get, for parameters that matched. */
void fi_mcp_prompt_write(struct fi_term_writer *json, const struct fi_mcp_prompt *prompt,
                         const json_t *params);

/* ---- calls that wait, between the thread that reads and the one that works; mcp_queue.c ---- */

struct fi_mcp_queue_job {
    struct fi_mcp_queue_job *next; /* the queue's */
    const struct fi_mcp_tool *tool;
    json_t *arguments;                 /* its own copy: a value is for one thread at a time */
    struct fi_mcp_output_batch *batch; /* a share of the thread that made the job, or NULL */
    atomic_bool is_cancelled;
    char id[FI_MCP_MESSAGE_ID_SIZE];
    enum fi_mcp_era era;                /* that the answer is written for */
    char token[FI_MCP_MESSAGE_ID_SIZE]; /* of progress; empty: not wanted */
    uint64_t told;                      /* the progress sent last */
};

struct fi_mcp_queue {
    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t has_news;
    struct fi_mcp_queue_job *first;
    struct fi_mcp_queue_job *last;
    struct fi_mcp_queue_job *running;
    size_t waiting;
    bool is_closed;
};

/* NULL if there is no memory. The arguments, an object, are copied. */
struct fi_mcp_queue_job *fi_mcp_queue_job_create(const struct fi_mcp_tool *tool,
                                                 const json_t *arguments);

/* May be NULL. */
void fi_mcp_queue_job_destroy(struct fi_mcp_queue_job *job);

/* Any thread. */
bool fi_mcp_queue_job_is_cancelled(const struct fi_mcp_queue_job *job);

bool fi_mcp_queue_init(struct fi_mcp_queue *queue);

/* Of an empty queue. */
void fi_mcp_queue_deinit(struct fi_mcp_queue *queue);

/* The queue has the job from here on. False if too many wait already: it is still the caller's. */
bool fi_mcp_queue_push(struct fi_mcp_queue *queue, struct fi_mcp_queue_job *job);

/* The first job, which now runs and is the caller's; it stays known to fi_mcp_queue_cancel until
 * fi_mcp_queue_done. NULL if none waits; with until_closed, only once the queue is closed. */
struct fi_mcp_queue_job *fi_mcp_queue_next(struct fi_mcp_queue *queue, bool until_closed);

/* What runs has ended. */
void fi_mcp_queue_done(struct fi_mcp_queue *queue);

/* Takes the job with this id off the queue and gives it to the caller; NULL if no job waits under
 * this id. If the job runs, it is told. */
struct fi_mcp_queue_job *fi_mcp_queue_cancel(struct fi_mcp_queue *queue, const char *id);

/* Nothing more will be pushed. */
void fi_mcp_queue_close(struct fi_mcp_queue *queue);

/* ---- the protocol: from a message to an answer, or to work that is done apart ---- */

/* Threads: one reads messages and calls fi_mcp_server_take; another (or, in tests, the same)
 * calls fi_mcp_server_work. Both send. */

enum { FI_MCP_SERVER_BATCH_MAX = 100 };

struct fi_mcp_server;

struct fi_mcp_server_options {
    const char *store_path;
    bool names_root; /* see mcp.h */
    int64_t wait_ms;
    bool has_wait;
    bool allows_delete;   /* see mcp.h */
    bool allows_push;     /* likewise */
    char *const *allowed; /* real paths */
    size_t allowed_count;
    /* Sends a message, its line's end included; one thread at a time. */
    void (*send)(void *ctx, const char *data, size_t size);
    bool (*is_stopping)(void *ctx); /* whether work should end soon; any thread */
    int (*run)(const struct fi_mcp_tool *tool, struct fi_mcp_call *call); /* for tests; NULL */
    void *ctx;
    void (*collect)(firn_workspace *workspace); /* see mcp.h; may be NULL */
};

/* The options' pointers are borrowed for the server's life. NULL if there is no memory. */
struct fi_mcp_server *fi_mcp_server_create(const struct fi_mcp_server_options *options);
/* No worker works any more. Waiting jobs are dropped. */
void fi_mcp_server_destroy(struct fi_mcp_server *server);

/* Takes a line; is_cut: only the beginning of one that was too long. Sends the answer to what needs
 * no work. */
void fi_mcp_server_take(struct fi_mcp_server *server, firn_slice line, bool is_cut);
/* Does the work that waits, in the order in which it came, and sends its results. Returns when
 * there is none and, with until_closed, nothing more will come. */
void fi_mcp_server_work(struct fi_mcp_server *server, bool until_closed);
/* Nothing more will be taken. */
void fi_mcp_server_close(struct fi_mcp_server *server);

#endif
