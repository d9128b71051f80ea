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

#include "command/command.h"
#include "firn/firn.h"
#include "firn/types.h"
#include "mcp/mcp.h"
#include "show/show.h"
#include "term/term.h"

/* ---- bytes as they arrive, cut into lines of a bounded length ---- */

enum { FIRN_MCP_LINE_SIZE_MAX = 1 << 20, FIRN_MCP_LINE_READ_SIZE = 64 * 1024 };

/* All zero is an empty one. */
struct firn_mcp_line {
    char *data;
    size_t size; /* of what came of the line that is being read; its end is not there yet */
    size_t capacity;
    bool is_cut; /* more came than is kept */
};

void firn_mcp_line_deinit(struct firn_mcp_line *line);

/* Takes bytes and calls take for each line that they complete, without its end ("\n" or "\r\n").
 * Of a line beyond FIRN_MCP_LINE_SIZE_MAX, or for which there is no memory, only the beginning is
 * kept, and is_cut is true. */
void firn_mcp_line_feed(struct firn_mcp_line *line, firn_slice bytes,
                        void (*take)(void *ctx, firn_slice line, bool is_cut), void *ctx);

/* ---- what a line of JSON-RPC 2.0 says ---- */

/* JSON-RPC's own codes for errors, one of the Model Context Protocol, and one of this server's. */
enum firn_mcp_code {
    FIRN_MCP_PARSE_ERROR = -32700,
    FIRN_MCP_INVALID_REQUEST = -32600,
    FIRN_MCP_METHOD_NOT_FOUND = -32601,
    FIRN_MCP_INVALID_PARAMS = -32602,
    FIRN_MCP_INTERNAL_ERROR = -32603,
    FIRN_MCP_UNSUPPORTED_VERSION = -32022,
    FIRN_MCP_TOO_MANY = -31000 /* outside the range that JSON-RPC and the protocol reserve */
};

/* An id is kept, compared and sent back as the JSON text that it is; "null" where there is none. */
enum { FIRN_MCP_MESSAGE_ID_SIZE = 300 };

enum firn_mcp_message_kind {
    FIRN_MCP_MESSAGE_REQUEST,
    FIRN_MCP_MESSAGE_NOTIFICATION,
    FIRN_MCP_MESSAGE_RESPONSE,
    FIRN_MCP_MESSAGE_INVALID /* `problem` says why */
};

struct firn_mcp_message {
    enum firn_mcp_message_kind kind;
    char id[FIRN_MCP_MESSAGE_ID_SIZE];
    const char *method;   /* borrowed from the value, as is params */
    const json_t *params; /* an object, or NULL */
    int code;             /* of enum firn_mcp_code, with the problem */
    const char *problem;
};

/* Parses a line. NULL with *out_code, FIRN_MCP_PARSE_ERROR or FIRN_MCP_INTERNAL_ERROR, and a text
 * why. To be given back with json_decref. */
json_t *firn_mcp_message_parse(firn_slice line, int *out_code, char *out_text, size_t text_size);

/* What a parsed message is. */
void firn_mcp_message_read(const json_t *value, struct firn_mcp_message *out);

/* Writes a request's id, or a progress token: a string or a number. False if it is neither, or too
 * long. */
bool firn_mcp_message_id(const json_t *value, char out[FIRN_MCP_MESSAGE_ID_SIZE]);

/* Finds the id in a line that is no JSON, or only the beginning of some; "null" if there is none.
 * A client that gets its id back knows which of its requests failed, and does not wait for it. */
void firn_mcp_message_dig(firn_slice line, char out[FIRN_MCP_MESSAGE_ID_SIZE]);

/* ---- what answers look like ---- */

/* What a request speaks: a version that begins with initialize (2025-11-25 and before), or one whose
 * every request says all that is needed to answer it (2026-07-28). */
enum firn_mcp_era { FIRN_MCP_LEGACY, FIRN_MCP_STATELESS };

/* Begins an answer with a result: members of it may follow, then firn_mcp_output_end. */
void firn_mcp_output_begin_result(struct firn_term_writer *json, const char *id,
                                  enum firn_mcp_era era);
void firn_mcp_output_end(struct firn_term_writer *json);
/* "name" and "version" of this server, in an object. */
void firn_mcp_output_server_info(struct firn_term_writer *json, const char *key);
/* The refusal of a version that this server does not speak, naming those that it does. */
void firn_mcp_output_unsupported(struct firn_term_writer *json, const char *id, const char *asked,
                                 const char *const *supported, size_t count);
/* The answer to a call that has succeeded, with the members of its structured result. The same
 * object is its text, for clients that read no structured ones. */
void firn_mcp_output_result(struct firn_term_writer *json, const char *id, enum firn_mcp_era era,
                            firn_slice members);
/* The answer to a call that has failed. */
void firn_mcp_output_failure(struct firn_term_writer *json, const char *id, enum firn_mcp_era era,
                             const firn_error *error, const char *hint);

/* ---- sending messages, alone or gathered into the answer to a batch. Any thread ---- */

struct firn_mcp_output {
    void (*send)(void *ctx, const char *data, size_t size); /* one thread at a time */
    void *ctx;
    pthread_mutex_t lock; /* held while something is sent, and over the batches */
};

/* The answers to several messages, sent as one array when all are there. The reader of the messages
 * has a share in it, and so has every request that is not answered yet. */
struct firn_mcp_output_batch;

FIRN_MUST_CHECK bool firn_mcp_output_init(struct firn_mcp_output *output);
void firn_mcp_output_deinit(struct firn_mcp_output *output);

/* Sends a message; nothing if its writer has failed. */
void firn_mcp_output_send(struct firn_mcp_output *output, struct firn_term_writer *json);
/* Sends the answer to the request `id`, or puts it into that of its batch (NULL: there is none). If
 * there was no memory for it, the client is told so. */
void firn_mcp_output_answer(struct firn_mcp_output *output, struct firn_mcp_output_batch *batch,
                            const char *id, struct firn_term_writer *json);
/* The same with an error of JSON-RPC. */
void firn_mcp_output_refuse(struct firn_mcp_output *output, struct firn_mcp_output_batch *batch,
                            const char *id, int code, const char *text);

/* With one share; NULL if there is no memory. */
struct firn_mcp_output_batch *firn_mcp_output_batch_create(void);
/* One share more, or less; of NULL nothing. The last one sends what came together. */
void firn_mcp_output_batch_ref(struct firn_mcp_output *output, struct firn_mcp_output_batch *batch);
void firn_mcp_output_batch_unref(struct firn_mcp_output *output,
                                 struct firn_mcp_output_batch *batch);

/* ---- the parameters of a tool, as a schema for clients and as a check of what they send ---- */

enum firn_mcp_arguments_kind {
    FIRN_MCP_ARGUMENTS_STRING, /* without NUL */
    FIRN_MCP_ARGUMENTS_TEXT,   /* any characters */
    FIRN_MCP_ARGUMENTS_BOOL,
    FIRN_MCP_ARGUMENTS_COUNT,  /* a whole number from 0 on */
    FIRN_MCP_ARGUMENTS_STRINGS /* an array of at least one string without NUL */
};

/* A list of them ends with one whose name is NULL. */
struct firn_mcp_arguments_param {
    const char *name;
    enum firn_mcp_arguments_kind kind;
    bool is_required;
    const char *text; /* for the model or the person that fills it in */
};

/* Writes the JSON Schema of an object with these members and no others, as a member of `json`. */
void firn_mcp_arguments_schema(struct firn_term_writer *json, const char *key,
                               const struct firn_mcp_arguments_param *params);

/* Whether these arguments (NULL is none) match the table; otherwise `why` gets the reason. A null
 * counts as not given. */
bool firn_mcp_arguments_check(const struct firn_mcp_arguments_param *params,
                              const json_t *arguments, char *why, size_t why_size);

/* Of checked arguments; a missing one is NULL or the fallback. */
const char *firn_mcp_arguments_string(const json_t *arguments, const char *name);
bool firn_mcp_arguments_bool(const json_t *arguments, const char *name, bool fallback);
uint64_t firn_mcp_arguments_count(const json_t *arguments, const char *name, uint64_t fallback);

/* ---- which directories the server serves ---- */

enum { FIRN_MCP_ROOTS_MAX = 64 };

struct firn_mcp_roots {
    char *own;            /* the directory in which the server was started; NULL: it is gone */
    char *const *allowed; /* borrowed */
    size_t allowed_count;
    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t has_news;
    char *client[FIRN_MCP_ROOTS_MAX];
    size_t client_count;
    unsigned asked;   /* how often the client was asked */
    bool is_declared; /* the client can be asked */
    bool is_awaited;  /* it has not answered yet */
};

/* The paths, which are real ones, are borrowed. False if there is no memory. */
FIRN_MUST_CHECK bool firn_mcp_roots_init(struct firn_mcp_roots *roots, char *const *allowed,
                                         size_t allowed_count);
void firn_mcp_roots_deinit(struct firn_mcp_roots *roots);
/* The capabilities of the client, from initialize. */
void firn_mcp_roots_declare(struct firn_mcp_roots *roots, const json_t *capabilities);
/* Whether the client is to be asked for its roots now, by a request with this id. */
bool firn_mcp_roots_ask(struct firn_mcp_roots *roots, char id[FIRN_MCP_MESSAGE_ID_SIZE]);
/* A response of the client. One that was not asked for is ignored; an error, or what is no list, is none. */
void firn_mcp_roots_take(struct firn_mcp_roots *roots, const char *id, const json_t *message);
/* No answer will come any more. */
void firn_mcp_roots_close(struct firn_mcp_roots *roots);
/* Whether a path is served. With `waits` it waits some seconds for the client's roots, if they are to come. Any
 * thread. */
bool firn_mcp_roots_have(struct firn_mcp_roots *roots, const char *path, bool waits,
                         bool (*is_cancelled)(void *ctx), void *ctx);
/* The path of a file: URI on this machine, to be freed; NULL if it is none, or there is no memory. */
char *firn_mcp_roots_path(const char *uri);

/* ---- one call of a tool: what it was given, and what comes of it ---- */

/* A call belongs to the thread that performs it, except for the members that the library's
 * callbacks use. Callbacks come from any thread, one at a time, and other code does not touch these
 * members. */

/* Rows of changes, entries and notices in one answer; the rest is counted. */
enum { FIRN_MCP_CALL_ROWS_MAX = 1000, FIRN_MCP_CALL_RESULT_SIZE_MAX = 4 << 20 };

/* What the surroundings give: may be asked and told from any thread. */
struct firn_mcp_call_host {
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

struct firn_mcp_call {
    const struct firn_mcp_call_host *host;
    uint64_t foreign_count;  /* files in the store that firn did not make */
    const json_t *arguments; /* checked; may be NULL */
    firn_workspace *workspace;
    struct firn_term_writer result; /* the members of an object, without its brackets */
    firn_error error;               /* of a call that failed */
    const char *hint;               /* what to do next; may be NULL */

    int64_t wait_ms;
    struct firn_command_settings settings;
    firn_slice *paths; /* of the argument "paths" */
    char *path_text;   /* what they point into */
    size_t path_count;
    char conflicts[700]; /* of a revert: the first ones */
    unsigned hooks;      /* of agents, as they were when the workspace was opened */

    uint64_t rows; /* of the array that is being written, and not shown */
    uint64_t rows_not_shown;
    struct firn_term_writer notices;
    uint64_t notice_count;
    uint64_t notices_not_shown;
    const char *phase; /* of the progress told last */
    uint64_t phase_done;
    uint64_t phases_done; /* in the phases before */
    int64_t told_ms;      /* when progress was told last */
};

void firn_mcp_call_init(struct firn_mcp_call *call, const struct firn_mcp_call_host *host,
                        const json_t *arguments);
void firn_mcp_call_deinit(struct firn_mcp_call *call);

/* Opens the workspace of the argument workspace_path and reads its settings. */
FIRN_MUST_CHECK int firn_mcp_call_open(struct firn_mcp_call *call);
/* The same, and fills paths from the argument of that name, or with the one path of "path"; without them, from where workspace_path points
 * below the root. */
FIRN_MUST_CHECK int firn_mcp_call_open_paths(struct firn_mcp_call *call);
/* Calls attempt until it does not fail for another writer's lock, as long as may be waited. Fills
 * call->error. */
FIRN_MUST_CHECK int firn_mcp_call_attempt(struct firn_mcp_call *call,
                                          int (*attempt)(void *ctx, firn_error *err), void *ctx);
/* Has the host collect garbage, if it does that, after a call that may have made some. */
void firn_mcp_call_collect(struct firn_mcp_call *call);
/* For the library's options. */
firn_callbacks firn_mcp_call_callbacks(struct firn_mcp_call *call);

/* Says what to do next if the restore or revert that has just failed is half done. */
void firn_mcp_call_hint_pending(struct firn_mcp_call *call);
/* Fails the call with a message of its own; returns the code. */
int firn_mcp_call_fail(struct firn_mcp_call *call, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether one more row is shown in the array that is open in call->result; counts it. */
bool firn_mcp_call_has_room(struct firn_mcp_call *call);
/* Adds notices of hooks of agents that were in the workspace when it was opened, and are gone. */
void firn_mcp_call_tell_hooks(struct firn_mcp_call *call);
/* The members <what>_not_shown, if there were such rows, and notices. */
void firn_mcp_call_write_not_shown(struct firn_mcp_call *call, const char *key);
void firn_mcp_call_write_notices(struct firn_mcp_call *call);

/* snapshot_id and number. */
void firn_mcp_call_write_name(const firn_workspace_checkpoint *checkpoint);
/* The object stats. */
void firn_mcp_call_write_stats(const firn_workspace_checkpoint *checkpoint);
/* One row of an array of changes; another member may follow before firn_term_writer_end. */
void firn_mcp_call_begin_change(const firn_workspace_change *change);
/* A visitor for the library that writes such rows. */
int firn_mcp_call_visit_change(void *ctx, const firn_workspace_change *change);

/* ---- the tools that the server offers ---- */

struct firn_mcp_tool {
    const char *name;
    const char *title;
    const char *text;
    const struct firn_mcp_arguments_param *params;
    const char *output;   /* JSON: the properties of its result */
    const char *required; /* JSON: an array of those that a result always has */
    bool is_read_only;    /* changes nothing at all */
    bool is_destructive;  /* may take away what is there */
    bool is_idempotent;   /* a second time changes nothing more */
    /* Writes call->result, which is the open object of term.h meanwhile, or fills call->error and returns its
     * code. */
    int (*run)(struct firn_mcp_call *call);
};

/* ---- each tool, and the parts that their schemas share ---- */

extern const struct firn_mcp_tool firn_mcp_save_tool;
extern const struct firn_mcp_tool firn_mcp_list_tool;
extern const struct firn_mcp_tool firn_mcp_log_tool;
extern const struct firn_mcp_tool firn_mcp_cat_tool;
extern const struct firn_mcp_tool firn_mcp_delete_tool;
extern const struct firn_mcp_tool firn_mcp_restore_tool;
extern const struct firn_mcp_tool firn_mcp_restore_undo_tool;
extern const struct firn_mcp_tool firn_mcp_restore_redo_tool;
extern const struct firn_mcp_tool firn_mcp_steps_tool;
extern const struct firn_mcp_tool firn_mcp_revert_tool;
extern const struct firn_mcp_tool firn_mcp_show_tool;
extern const struct firn_mcp_tool firn_mcp_status_tool;
extern const struct firn_mcp_tool firn_mcp_diff_tool;

#define FIRN_MCP_TOOL_WORKSPACE_PARAM                                              \
    {                                                                              \
        "workspace_path", FIRN_MCP_ARGUMENTS_STRING, false,                        \
            "Path of the directory; a path inside of a workspace means that one. " \
            "Without it the directory in which the server was started"             \
    }
#define FIRN_MCP_TOOL_END_PARAM                    \
    {                                              \
        NULL, FIRN_MCP_ARGUMENTS_BOOL, false, NULL \
    }
#define FIRN_MCP_TOOL_PATHS_PARAM                                                    \
    {                                                                                \
        "paths", FIRN_MCP_ARGUMENTS_STRINGS, false,                                  \
            "Only these files and directories, relative to workspace_path, and what" \
            " is below them"                                                         \
    }
#define FIRN_MCP_TOOL_REFERENCE                                                               \
    "a number, an id or at least four letters from its start, latest, latest~2, a tag, or a " \
    "time such as 10m, 14:30 or 2026-11-20 14:30 (local)"

#define FIRN_MCP_TOOL_STRING(name) "\"" name "\":{\"type\":\"string\"}"
#define FIRN_MCP_TOOL_INTEGER(name) "\"" name "\":{\"type\":\"integer\",\"minimum\":0}"
#define FIRN_MCP_TOOL_GIT(name) \
    FIRN_MCP_TOOL_OBJECT(       \
        name, FIRN_MCP_TOOL_STRING_OR_NULL("branch") "," FIRN_MCP_TOOL_STRING_OR_NULL("commit"))
#define FIRN_MCP_TOOL_NUMBER_OR_NULL(name) "\"" name "\":{\"type\":[\"integer\",\"null\"]}"
#define FIRN_MCP_TOOL_STRING_OR_NULL(name) "\"" name "\":{\"type\":[\"string\",\"null\"]}"
#define FIRN_MCP_TOOL_BOOL(name) "\"" name "\":{\"type\":\"boolean\"}"
#define FIRN_MCP_TOOL_OBJECTS(name, properties)                                                   \
    "\"" name "\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{" properties \
    "}}}"
#define FIRN_MCP_TOOL_OBJECT(name, properties) \
    "\"" name "\":{\"type\":\"object\",\"properties\":{" properties "}}"
#define FIRN_MCP_TOOL_NAME \
    FIRN_MCP_TOOL_STRING("snapshot_id") "," FIRN_MCP_TOOL_NUMBER_OR_NULL("number")
#define FIRN_MCP_TOOL_STATS                                                                                           \
    "\"stats\":{\"type\":\"object\",\"properties\":{" FIRN_MCP_TOOL_INTEGER("total_files") "," FIRN_MCP_TOOL_INTEGER( \
        "total_bytes") "," FIRN_MCP_TOOL_INTEGER("new_objects") "},"                                                  \
                                                                "\"required\":[\"total_files\","                      \
                                                                "\"total_bytes\",\"new_objects\"]"                    \
                                                                "}"
#define FIRN_MCP_TOOL_NOTICES                                                               \
    FIRN_MCP_TOOL_OBJECTS("notices", FIRN_MCP_TOOL_STRING("kind") "," FIRN_MCP_TOOL_STRING( \
                                         "path") "," FIRN_MCP_TOOL_STRING("text"))          \
    "," FIRN_MCP_TOOL_INTEGER("notices_not_shown")
#define FIRN_MCP_TOOL_CHANGE       \
    FIRN_MCP_TOOL_STRING("change") \
    "," FIRN_MCP_TOOL_STRING("path") "," FIRN_MCP_TOOL_BOOL("directory")
#define FIRN_MCP_TOOL_COUNTS             \
    FIRN_MCP_TOOL_INTEGER("files_added") \
    "," FIRN_MCP_TOOL_INTEGER("files_changed") "," FIRN_MCP_TOOL_INTEGER("files_removed")
#define FIRN_MCP_TOOL_STEP                                                                                                    \
    FIRN_MCP_TOOL_STRING("kind")                                                                                              \
    "," FIRN_MCP_TOOL_STRING("text") "," FIRN_MCP_TOOL_STRING(                                                                \
        "time") "," FIRN_MCP_TOOL_NAME "," FIRN_MCP_TOOL_COUNTS                                                               \
                "," FIRN_MCP_TOOL_OBJECTS(                                                                                    \
                    "facts",                                                                                                  \
                    FIRN_MCP_TOOL_STRING("name") "," FIRN_MCP_TOOL_STRING_OR_NULL("before") "," FIRN_MCP_TOOL_STRING_OR_NULL( \
                        "after")) "," FIRN_MCP_TOOL_OBJECTS("paths", FIRN_MCP_TOOL_STRING("path"))
#define FIRN_MCP_TOOL_CHANGES                              \
    FIRN_MCP_TOOL_OBJECTS("changes", FIRN_MCP_TOOL_CHANGE) \
    "," FIRN_MCP_TOOL_INTEGER("changes_not_shown")

/* The members of the object of a step, FIRN_MCP_TOOL_STEP. mcp_steps.c. */
void firn_mcp_steps_write(const firn_workspace_step *step);

/* ---- the prompts that the server offers; mcp_prompt.c ---- */

struct firn_mcp_prompt;

/* The array of all, for prompts/list, as a member `key` of json. */
void firn_mcp_prompt_list(struct firn_term_writer *json, const char *key);
/* The prompt that the parameters of prompts/get name, if their arguments match it. NULL and why not. */
const struct firn_mcp_prompt *firn_mcp_prompt_find(const json_t *params, char *why,
                                                   size_t why_size);
/* The members of the result of prompts/get, for parameters that matched. */
void firn_mcp_prompt_write(struct firn_term_writer *json, const struct firn_mcp_prompt *prompt,
                           const json_t *params);

/* ---- calls that wait, between the thread that reads and the one that works; mcp_queue.c ---- */

struct firn_mcp_queue_job {
    struct firn_mcp_queue_job *next; /* the queue's */
    const struct firn_mcp_tool *tool;
    json_t *arguments;                   /* its own copy: a value is for one thread at a time */
    struct firn_mcp_output_batch *batch; /* a share of the thread that made the job, or NULL */
    atomic_bool is_cancelled;
    char id[FIRN_MCP_MESSAGE_ID_SIZE];
    enum firn_mcp_era era;                /* that the answer is written for */
    char token[FIRN_MCP_MESSAGE_ID_SIZE]; /* of progress; empty: not wanted */
    uint64_t told;                        /* the progress sent last */
};

struct firn_mcp_queue {
    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t has_news;
    struct firn_mcp_queue_job *first;
    struct firn_mcp_queue_job *last;
    struct firn_mcp_queue_job *running;
    size_t waiting;
    bool is_closed;
};

/* NULL if there is no memory. The arguments, an object, are copied. */
struct firn_mcp_queue_job *firn_mcp_queue_job_create(const struct firn_mcp_tool *tool,
                                                     const json_t *arguments);

/* May be NULL. */
void firn_mcp_queue_job_destroy(struct firn_mcp_queue_job *job);

/* Any thread. */
bool firn_mcp_queue_job_is_cancelled(const struct firn_mcp_queue_job *job);

bool firn_mcp_queue_init(struct firn_mcp_queue *queue);

/* Of an empty queue. */
void firn_mcp_queue_deinit(struct firn_mcp_queue *queue);

/* The queue has the job from here on. False if too many wait already: it is still the caller's. */
bool firn_mcp_queue_push(struct firn_mcp_queue *queue, struct firn_mcp_queue_job *job);

/* The first job, which now runs and is the caller's; it stays known to firn_mcp_queue_cancel until
 * firn_mcp_queue_done. NULL if none waits; with until_closed, only once the queue is closed. */
struct firn_mcp_queue_job *firn_mcp_queue_next(struct firn_mcp_queue *queue, bool until_closed);

/* What runs has ended. */
void firn_mcp_queue_done(struct firn_mcp_queue *queue);

/* Takes the job with this id off the queue and gives it to the caller; NULL if no job waits under this
 * id. If the job runs, it is told. */
struct firn_mcp_queue_job *firn_mcp_queue_cancel(struct firn_mcp_queue *queue, const char *id);

/* Nothing more will be pushed. */
void firn_mcp_queue_close(struct firn_mcp_queue *queue);

/* ---- the protocol: from a message to an answer, or to work that is done apart ---- */

/* Threads: one reads messages and calls firn_mcp_server_take; another (or, in tests, the same) calls
 * firn_mcp_server_work. Both send. */

enum { FIRN_MCP_SERVER_BATCH_MAX = 100 };

struct firn_mcp_server;

struct firn_mcp_server_options {
    const char *store_path;
    bool names_root; /* see mcp.h */
    int64_t wait_ms;
    bool has_wait;
    bool allows_delete;   /* see mcp.h */
    char *const *allowed; /* real paths */
    size_t allowed_count;
    /* Sends a message, its line's end included; one thread at a time. */
    void (*send)(void *ctx, const char *data, size_t size);
    bool (*is_stopping)(void *ctx); /* whether work should end soon; any thread */
    int (*run)(const struct firn_mcp_tool *tool, struct firn_mcp_call *call); /* for tests; NULL */
    void *ctx;
    void (*collect)(firn_workspace *workspace); /* see mcp.h; may be NULL */
};

/* The options' pointers are borrowed for the server's life. NULL if there is no memory. */
struct firn_mcp_server *firn_mcp_server_create(const struct firn_mcp_server_options *options);
/* No worker works any more. Waiting jobs are dropped. */
void firn_mcp_server_destroy(struct firn_mcp_server *server);

/* Takes a line; is_cut: only the beginning of one that was too long. Sends the answer to what needs
 * no work. */
void firn_mcp_server_take(struct firn_mcp_server *server, firn_slice line, bool is_cut);
/* Does the work that waits, in the order in which it came, and sends its results. Returns when
 * there is none and, with until_closed, nothing more will come. */
void firn_mcp_server_work(struct firn_mcp_server *server, bool until_closed);
/* Nothing more will be taken. */
void firn_mcp_server_close(struct firn_mcp_server *server);

#endif
