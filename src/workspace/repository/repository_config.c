/* SPDX-License-Identifier: Apache-2.0
 *
 * repository/repository_config.c: the harmless part of a repository's configuration.
 *
 * Git runs what its configuration names: editors, pagers, filters, aliases, helpers, hooks in any
 * directory. A file that came with a checkpoint must not decide that. So a setting is kept only if
 * it is on a list of those that run nothing (I1; not checked: the list is the rule); what is new in
 * git, or unknown here, is left out and named. A filter that lists what is dangerous instead would
 * be wrong with the next git.
 *
 * The syntax is git's (config.c, git_parse_source): sections "[name]" and "[name "sub"]", settings
 * "key = value", a key alone means true, comments with # and ;, quotes, and escapes \\ \" \n \t \b;
 * a backslash at the end of a line goes on with the next one. Values are decoded and written anew,
 * in quotes, so that what git reads is what was judged (I2; not checked: a fuzz target filters what
 * was filtered). A value with a control character is left out. At the first line that is not
 * understood, all that follows is left out: git would refuse the file there.
 */
#include "repository/repository_config.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"

enum { NAME_MAX = 256, VALUE_MAX = 8192 };

/* (I1): section, or section and any subsection ("remote.*"), and key; all in lower case. */
static const char *const KEPT[] = {
    "core.repositoryformatversion",
    "core.filemode",
    "core.bare",
    "core.logallrefupdates",
    "core.ignorecase",
    "core.precomposeunicode",
    "core.symlinks",
    "core.autocrlf",
    "core.eol",
    "core.safecrlf",
    "core.worktree", /* only where may_lead allows it */
    "core.sparsecheckout",
    "core.sparsecheckoutcone",
    "extensions.objectformat",
    "extensions.compatobjectformat",
    "extensions.refstorage",
    "extensions.partialclone",
    "extensions.preciousobjects",
    "extensions.relativeworktrees",
    "extensions.worktreeconfig",
    "index.sparse",
    "pull.rebase",
    "pull.ff",
    "push.default",
    "user.name",
    "user.email",
    "branch.*.remote",
    "branch.*.merge",
    "branch.*.rebase",
    "branch.*.pushremote",
    "branch.*.description",
    "remote.*.url",
    "remote.*.pushurl",
    "remote.*.fetch",
    "remote.*.tagopt",
    "remote.*.promisor",
    "remote.*.partialclonefilter",
    "submodule.*.url",
    "submodule.*.active",
    "submodule.*.branch",
    "submodule.active",
};

struct filtering {
    const uint8_t *at;
    const uint8_t *end;
    bool (*may_lead)(void *ctx, firn_slice worktree);
    void *ctx;
    struct fi_buf *out;
    struct fi_buf *left;
    char section[NAME_MAX]; /* in lower case */
    char sub[NAME_MAX];
    bool has_section;
    bool has_sub;
    bool is_written; /* the section's header is in out */
    char key[NAME_MAX];
    char value[VALUE_MAX];
    size_t value_size;
    bool has_value;
    bool is_bad_value; /* too long, or with control characters */
};

/* ---- reading ---- */

/* The next byte, -1 at the end; an end of line of two bytes is one. */
static int
next_byte(struct filtering *filtering)
{
    if (filtering->at == filtering->end) {
        return -1;
    }
    if (*filtering->at == '\r' && filtering->end - filtering->at > 1 && filtering->at[1] == '\n') {
        filtering->at++;
    }
    return *filtering->at++;
}

static bool
is_name_byte(int byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '-';
}

static int
lower(int byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte;
}

static bool
is_space(int byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* The rest of a header after its name and a space: a subsection in quotes. */
static bool
read_subsection(struct filtering *filtering)
{
    size_t size = 0;
    int byte;
    do {
        byte = next_byte(filtering);
    } while (byte == ' ' || byte == '\t');
    if (byte != '"') {
        return false;
    }
    for (byte = next_byte(filtering); byte != '"'; byte = next_byte(filtering)) {
        if (byte == '\\') {
            byte = next_byte(filtering);
        }
        if (byte < ' ' || byte == 0x7F || size == NAME_MAX - 1) {
            return false;
        }
        filtering->sub[size++] = (char)byte;
    }
    filtering->sub[size] = '\0';
    filtering->has_sub = true;
    return next_byte(filtering) == ']';
}

static bool
read_header(struct filtering *filtering)
{
    size_t size = 0;
    filtering->has_sub = false;
    filtering->sub[0] = '\0';
    filtering->is_written = false;
    filtering->has_section = true;
    for (;;) {
        int byte = next_byte(filtering);
        if (byte == ']') {
            filtering->section[size] = '\0';
            return size > 0;
        }
        if (byte == ' ' || byte == '\t') {
            filtering->section[size] = '\0';
            return size > 0 && read_subsection(filtering);
        }
        if ((!is_name_byte(byte) && byte != '.') || size == NAME_MAX - 1) {
            return false;
        }
        filtering->section[size++] = (char)lower(byte);
    }
}

static void
skip_comment(struct filtering *filtering)
{
    int byte;
    do {
        byte = next_byte(filtering);
    } while (byte >= 0 && byte != '\n');
}

static void
put_value(struct filtering *filtering, int byte)
{
    if (filtering->value_size == VALUE_MAX || byte < ' ' || byte == 0x7F) {
        filtering->is_bad_value = true;
        return;
    }
    filtering->value[filtering->value_size++] = (char)byte;
}

/* An escape; false if git knows none such. */
static bool
read_escape(struct filtering *filtering)
{
    int byte = next_byte(filtering);
    switch (byte) {
    case '\n':
        return true;
    case 't':
    case 'b':
    case 'n':
        filtering->is_bad_value = true;
        return true;
    case '\\':
    case '"':
        put_value(filtering, byte);
        return true;
    default:
        return false;
    }
}

/* A value up to the end of its line; white space at its end does not count. */
static bool
read_value(struct filtering *filtering)
{
    bool is_quoted = false;
    size_t kept = 0;
    filtering->value_size = 0;
    filtering->is_bad_value = false;
    for (;;) {
        int byte = next_byte(filtering);
        if (byte == '\n' || byte < 0) {
            filtering->value_size = kept;
            return !is_quoted;
        }
        if (!is_quoted && (byte == '#' || byte == ';')) {
            skip_comment(filtering);
            filtering->value_size = kept;
            return true;
        }
        if (byte == '"') {
            is_quoted = !is_quoted;
        } else if (byte == '\\') {
            if (!read_escape(filtering)) {
                return false;
            }
        } else if (!is_quoted && is_space(byte)) {
            if (filtering->value_size > 0) {
                put_value(filtering, ' ');
            }
            continue;
        } else {
            put_value(filtering, byte);
        }
        kept = filtering->value_size;
    }
}

/* A setting; byte is the first of its key. */
static bool
read_setting(struct filtering *filtering, int byte)
{
    size_t size = 0;
    for (; is_name_byte(byte); byte = next_byte(filtering)) {
        if (size == NAME_MAX - 1) {
            return false;
        }
        filtering->key[size++] = (char)lower(byte);
    }
    filtering->key[size] = '\0';
    while (byte == ' ' || byte == '\t') {
        byte = next_byte(filtering);
    }
    filtering->has_value = byte == '=';
    filtering->is_bad_value = false;
    filtering->value_size = 0;
    return filtering->has_value ? read_value(filtering) : byte == '\n' || byte < 0;
}

/* ---- judging ---- */

/* (I1) */
static bool
is_kept_name(const struct filtering *filtering)
{
    for (size_t i = 0; i < sizeof KEPT / sizeof KEPT[0]; i++) {
        const char *dot = strchr(KEPT[i], '.');
        const size_t size = (size_t)(dot - KEPT[i]);
        const bool wants_sub = dot[1] == '*';
        const char *key = wants_sub ? dot + 3 : dot + 1;
        if (strlen(filtering->section) == size && memcmp(filtering->section, KEPT[i], size) == 0 &&
            filtering->has_sub == wants_sub && strcmp(filtering->key, key) == 0) {
            return true;
        }
    }
    return false;
}

/* An address that git hands to a program of its own: no option, and no helper ("ext::..."). */
static bool
is_plain_address(firn_slice value)
{
    if (value.size == 0 || value.data[0] == '-') {
        return false;
    }
    for (size_t i = 0; i + 1 < value.size; i++) {
        if (value.data[i] == ':' && value.data[i + 1] == ':') {
            return false;
        }
    }
    return true;
}

static bool
is_kept(const struct filtering *filtering)
{
    const firn_slice value = firn_bytes(filtering->value, filtering->value_size);
    if (filtering->is_bad_value || !is_kept_name(filtering)) { /* (I1) */
        return false;
    }
    DCHECK(memchr(value.data, '\n', value.size) == NULL);
    if (strcmp(filtering->key, "url") == 0 || strcmp(filtering->key, "pushurl") == 0) {
        return is_plain_address(value);
    }
    return strcmp(filtering->key, "worktree") != 0 ||
           (filtering->may_lead != NULL && filtering->may_lead(filtering->ctx, value));
}

/* ---- writing ---- */

static int
append_quoted(struct fi_buf *out, firn_slice text)
{
    FI_TRY_RETURN(fi_buf_append_u8(out, '"'));
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\') {
            FI_TRY_RETURN(fi_buf_append_u8(out, '\\'));
        }
        FI_TRY_RETURN(fi_buf_append_u8(out, text.data[i]));
    }
    return fi_buf_append_u8(out, '"');
}

static int
append_header(struct filtering *filtering)
{
    struct fi_buf *out = filtering->out;
    if (filtering->is_written) {
        return FIRN_OK;
    }
    filtering->is_written = true;
    FI_TRY_RETURN(fi_buf_append_format(out, "[%s", filtering->section));
    if (filtering->has_sub) {
        FI_TRY_RETURN(fi_buf_append_u8(out, ' '));
        FI_TRY_RETURN(append_quoted(out, firn_str(filtering->sub)));
    }
    return fi_buf_append_str(out, "]\n");
}

static int
append_setting(struct filtering *filtering)
{
    FI_TRY_RETURN(append_header(filtering));
    FI_TRY_RETURN(fi_buf_append_format(filtering->out, "\t%s", filtering->key));
    if (filtering->has_value) {
        FI_TRY_RETURN(fi_buf_append_str(filtering->out, " = "));
        FI_TRY_RETURN(
            append_quoted(filtering->out, firn_bytes(filtering->value, filtering->value_size)));
    }
    return fi_buf_append_u8(filtering->out, '\n');
}

static int
append_left(struct filtering *filtering)
{
    FI_TRY_RETURN(fi_buf_append_format(filtering->left, "%s%s%s.%s", filtering->section,
                                       filtering->has_sub ? "." : "", filtering->sub,
                                       filtering->key));
    return fi_buf_append_u8(filtering->left, '\0');
}

static int
take_line(struct filtering *filtering, int byte, bool *out_is_understood)
{
    *out_is_understood = true;
    if (byte == '#' || byte == ';') {
        skip_comment(filtering);
        return FIRN_OK;
    }
    if (byte == '[') {
        *out_is_understood = read_header(filtering);
        return FIRN_OK;
    }
    *out_is_understood = filtering->has_section && byte != '-' && !(byte >= '0' && byte <= '9') &&
                         is_name_byte(byte) && read_setting(filtering, byte);
    if (!*out_is_understood) {
        return FIRN_OK;
    }
    return is_kept(filtering) ? append_setting(filtering) : append_left(filtering);
}

int
fi_repository_config_filter(firn_slice text, bool (*may_lead)(void *ctx, firn_slice worktree),
                            void *ctx, struct fi_buf *out, struct fi_buf *out_left, firn_error *err)
{
    static const char mark[] = "\xEF\xBB\xBF";
    struct filtering filtering = {.at = text.data,
                                  .end = text.size > 0 ? text.data + text.size : text.data,
                                  .may_lead = may_lead,
                                  .ctx = ctx,
                                  .out = out,
                                  .left = out_left};
    bool is_understood = text.size <= FI_REPOSITORY_CONFIG_SIZE_MAX;
    int rc = FIRN_OK;
    if (fi_slice_has_prefix(text, firn_str(mark))) {
        filtering.at += sizeof mark - 1;
    }
    while (rc == FIRN_OK && is_understood) {
        int byte = next_byte(&filtering);
        if (byte < 0) {
            return FIRN_OK;
        }
        if (byte != '\n' && !is_space(byte)) {
            rc = take_line(&filtering, byte, &is_understood);
        }
    }
    if (rc == FIRN_OK) {
        rc = fi_buf_append(out_left, "?", sizeof "?");
    }
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a configuration of git");
}
