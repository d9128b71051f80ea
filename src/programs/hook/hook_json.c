/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_json.c: changing a JSON document without reformatting it.
 *
 * Before a change, a walk through the text and the values that were parsed from it notes the place
 * of each value. After the change, a second walk copies the text of unchanged values, leaves out
 * removed ones, and writes new ones. The text is known to be valid, so the scanner only has to find
 * the end of each value. If the scanner fails, it gives up; it never reads beyond the end.
 *
 * Each noted value is kept alive by a reference, so no new value can have its address (I1).
 */
#include "hook/hook_internal.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A value, and what stands around it: [lead, key) spaces, [key, begin) the name and the colon,
 * [begin, end) the value, [end, stop) spaces up to the comma or the closing bracket. */
struct node {
    json_t *value;
    char *name; /* of a member, else NULL */
    size_t name_size;
    size_t lead;
    size_t key;
    size_t begin;
    size_t end;
    size_t stop;
    struct node *children;
    size_t count;
};

struct fi_hook_json {
    const char *text;
    size_t size;
    struct node root;
    const char *newline;
    char unit[17];     /* of indentation */
    bool is_one_line;  /* the document has no line breaks inside */
    const char *colon; /* after the name of a new member that has no neighbour */
};

/* ---- where values stand ---- */

static bool
is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

static size_t
skip_space(const struct fi_hook_json *edit, size_t at)
{
    while (at < edit->size && is_space(edit->text[at])) {
        at++;
    }
    return at;
}

static size_t
skip_string(const struct fi_hook_json *edit, size_t at)
{
    for (at++; at < edit->size && edit->text[at] != '"'; at++) {
        at += edit->text[at] == '\\' ? 1 : 0;
    }
    return at < edit->size ? at + 1 : edit->size;
}

static size_t
skip_scalar(const struct fi_hook_json *edit, size_t at)
{
    if (at < edit->size && edit->text[at] == '"') {
        return skip_string(edit, at);
    }
    while (at < edit->size && !is_space(edit->text[at]) && edit->text[at] != ',' &&
           edit->text[at] != ']' && edit->text[at] != '}') {
        at++;
    }
    return at;
}

static void
node_deinit(struct node *node)
{
    for (size_t i = 0; i < node->count; i++) {
        node_deinit(&node->children[i]);
    }
    free(node->children);
    free(node->name);
    json_decref(node->value);
}

static bool note_value(const struct fi_hook_json *edit, struct node *node);

/* The name of a member and its colon; *key is then the value's place. */
static bool
note_name(const struct fi_hook_json *edit, void *member, struct node *child)
{
    const char *name = json_object_iter_key(member);
    child->name_size = json_object_iter_key_len(member);
    child->name = malloc(child->name_size + 1);
    if (child->name == NULL) {
        return false;
    }
    memcpy(child->name, name, child->name_size + 1);
    size_t at = skip_space(edit, skip_string(edit, child->key));
    if (at >= edit->size || edit->text[at] != ':') {
        return false;
    }
    child->begin = skip_space(edit, at + 1);
    return true;
}

/* The members or elements of a node, which begins at its bracket. */
static bool
note_children(const struct fi_hook_json *edit, struct node *node)
{
    assert(node->begin < edit->size);
    bool is_object = json_is_object(node->value);
    size_t count = is_object ? json_object_size(node->value) : json_array_size(node->value);
    void *member = is_object ? json_object_iter(node->value) : NULL;
    size_t at = node->begin + 1;
    node->children = calloc(count > 0 ? count : 1, sizeof *node->children);
    if (node->children == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct node *child = &node->children[node->count++];
        child->value = json_incref(is_object ? json_object_iter_value(member)
                                             : json_array_get(node->value, i));
        assert(child->value->refcount > 1); /* (I1): the document's and this one */
        child->lead = at;
        child->key = child->begin = skip_space(edit, at);
        if (is_object && !note_name(edit, member, child)) {
            return false;
        }
        member = is_object ? json_object_iter_next(node->value, member) : NULL;
        if (!note_value(edit, child)) {
            return false;
        }
        child->stop = skip_space(edit, child->end);
        const char *wanted = i + 1 < count ? "," : is_object ? "}" : "]";
        if (child->stop >= edit->size || edit->text[child->stop] != wanted[0]) {
            return false;
        }
        at = child->stop + 1;
    }
    node->end = count > 0 ? at : skip_space(edit, at) + 1;
    return node->end <= edit->size;
}

static bool
note_value(const struct fi_hook_json *edit, struct node *node)
{
    if (node->begin >= edit->size) {
        return false;
    }
    if (json_is_object(node->value) || json_is_array(node->value)) {
        return note_children(edit, node);
    }
    node->end = skip_scalar(edit, node->begin);
    return true;
}

/* ---- how it is formatted ---- */

static void
find_style(struct fi_hook_json *edit)
{
    assert(edit->root.begin < edit->root.end && edit->root.end <= edit->size);
    const struct node *root = &edit->root;
    const char *text = edit->text + root->begin;
    const char *line = memchr(text, '\n', root->end - root->begin);
    edit->is_one_line = line == NULL;
    edit->newline = line != NULL && line > text && line[-1] == '\r' ? "\r\n" : "\n";
    memcpy(edit->unit, "  ", 3);
    edit->colon = ": ";
    if (root->count == 0) {
        edit->is_one_line = false; /* "{}" says nothing of how its owner likes it */
        return;
    }
    const struct node *first = &root->children[0];
    size_t start = first->key;
    while (start > first->lead && edit->text[start - 1] != '\n') {
        start--;
    }
    size_t size = first->key - start;
    if (start > first->lead && size < sizeof edit->unit) {
        memcpy(edit->unit, edit->text + start, size);
        edit->unit[size] = '\0';
    }
    if (edit->text[first->begin - 1] == ':') {
        edit->colon = ":";
    }
}

struct fi_hook_json *
fi_hook_json_begin(const char *text, size_t size, size_t start, json_t *root)
{
    struct fi_hook_json *edit = calloc(1, sizeof *edit);
    if (edit == NULL) {
        return NULL;
    }
    edit->text = text;
    edit->size = size;
    edit->root.value = json_incref(root);
    edit->root.begin = skip_space(edit, start);
    if (!note_value(edit, &edit->root)) {
        fi_hook_json_end(edit);
        return NULL;
    }
    find_style(edit);
    return edit;
}

void
fi_hook_json_end(struct fi_hook_json *edit)
{
    if (edit != NULL) {
        node_deinit(&edit->root);
        free(edit);
    }
}

/* ---- writing ---- */

struct writer {
    const struct fi_hook_json *edit;
    FILE *out;
    bool has_failed;
};

static void
hook_json_put(struct writer *writer, const char *text, size_t size)
{
    writer->has_failed = fwrite(text, 1, size, writer->out) != size || writer->has_failed;
}

static void
put_text(struct writer *writer, const char *text)
{
    hook_json_put(writer, text, strlen(text));
}

static void
hook_json_copy(struct writer *writer, size_t from, size_t to)
{
    assert(from <= to && to <= writer->edit->size);
    hook_json_put(writer, writer->edit->text + from, to - from);
}

/* The indentation of the line of a place in the old text. */
static size_t
line_indent(const struct fi_hook_json *edit, size_t at, size_t *out_start)
{
    assert(at <= edit->size);
    size_t start = at;
    while (start > 0 && edit->text[start - 1] != '\n') {
        start--;
    }
    size_t size = 0;
    while (start + size < at &&
           (edit->text[start + size] == ' ' || edit->text[start + size] == '\t')) {
        size++;
    }
    *out_start = start;
    return size;
}

/* A line break and the indentation of the line of `at`, `depth` units deeper; nothing in a document
 * of one line. */
static void
put_line(struct writer *writer, size_t at, unsigned depth)
{
    size_t start;
    if (writer->edit->is_one_line) {
        return;
    }
    size_t size = line_indent(writer->edit, at, &start);
    put_text(writer, writer->edit->newline);
    hook_json_copy(writer, start, start + size);
    while (depth-- > 0) {
        put_text(writer, writer->edit->unit);
    }
}

static void
put_scalar(struct writer *writer, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY);
    if (text == NULL) {
        writer->has_failed = true;
        return;
    }
    put_text(writer, text);
    free(text);
}

static void
put_name(struct writer *writer, const char *name, size_t size)
{
    json_t *text = json_stringn_nocheck(name, size);
    if (text == NULL) {
        writer->has_failed = true;
        return;
    }
    put_scalar(writer, text);
    json_decref(text);
}

/* Whether its owner likes spaces. */
static bool
is_spaced(const struct fi_hook_json *edit)
{
    return edit->colon[1] != '\0';
}

/* A value that is new, on the line of `at`, `depth` units deeper than that. */
static void
put_new(struct writer *writer, json_t *value, size_t at, unsigned depth)
{
    const char *between = writer->edit->is_one_line && is_spaced(writer->edit) ? ", " : ",";
    const char *name;
    json_t *child;
    size_t i;
    size_t count = 0;
    if (json_is_object(value)) {
        put_text(writer, "{");
        json_object_foreach(value, name, child)
        {
            put_text(writer, count++ > 0 ? between : "");
            put_line(writer, at, depth + 1);
            put_name(writer, name, strlen(name));
            put_text(writer, writer->edit->colon);
            put_new(writer, child, at, depth + 1);
        }
        put_line(writer, at, depth);
        put_text(writer, "}");
    } else if (json_is_array(value)) {
        put_text(writer, "[");
        json_array_foreach(value, i, child)
        {
            put_text(writer, i > 0 ? between : "");
            put_line(writer, at, depth + 1);
            put_new(writer, child, at, depth + 1);
        }
        put_line(writer, at, depth);
        put_text(writer, "]");
    } else {
        put_scalar(writer, value);
    }
}

/* What has been written of an object or an array. */
struct progress {
    const struct node *node;
    size_t written;
};

static void
begin_child(struct writer *writer, struct progress *progress)
{
    put_text(writer, progress->written++ > 0 ? "," : "");
}

/* A child that is new, at the end, in the style of the first one. */
static void
put_appended(struct writer *writer, struct progress *progress, const char *name, size_t name_size,
             json_t *value)
{
    assert(value != NULL);
    const struct node *node = progress->node;
    /* The second child, as there may be no space after the bracket and one after each comma. */
    const struct node *neighbour = node->count > 0 ? &node->children[node->count > 1] : NULL;
    bool is_first = progress->written == 0;
    begin_child(writer, progress);
    if (neighbour != NULL && neighbour->key > neighbour->lead) {
        hook_json_copy(writer, neighbour->lead, neighbour->key);
    } else if (neighbour == NULL && !writer->edit->is_one_line) {
        put_line(writer, node->begin, 1);
    } else if (!is_first && node->count < 2 && is_spaced(writer->edit)) {
        put_text(writer, " ");
    }
    if (name != NULL) {
        put_name(writer, name, name_size);
        put_text(writer, writer->edit->colon);
    }
    /* Where children stand on lines of their own, theirs is the line to indent by. */
    bool has_line = neighbour != NULL && memchr(writer->edit->text + neighbour->lead, '\n',
                                                neighbour->key - neighbour->lead) != NULL;
    put_new(writer, value, has_line ? neighbour->key : node->begin, neighbour == NULL ? 1 : 0);
}

static void put_node(struct writer *writer, const struct node *node);

/* A child that was there, whose value may be another one now. */
static void
put_child(struct writer *writer, struct progress *progress, const struct node *child, json_t *value)
{
    assert(child >= progress->node->children);
    begin_child(writer, progress);
    hook_json_copy(writer, child->lead, child->begin);
    if (value == child->value) {
        put_node(writer, child);
    } else {
        put_new(writer, value, child->begin, 0);
    }
    if (child + 1 < progress->node->children + progress->node->count) {
        hook_json_copy(writer, child->end, child->stop);
    }
}

static bool
is_child(const struct node *node, const char *name, size_t size, size_t *from)
{
    for (size_t i = *from; i < node->count; i++) {
        const struct node *child = &node->children[i];
        if (child->name_size == size && memcmp(child->name, name, size) == 0) {
            *from = i + 1;
            return true;
        }
    }
    return false;
}

static void
put_members(struct writer *writer, struct progress *progress)
{
    const struct node *node = progress->node;
    size_t from = 0;
    for (size_t i = 0; i < node->count; i++) {
        const struct node *child = &node->children[i];
        json_t *value = json_object_getn(node->value, child->name, child->name_size);
        if (value != NULL) {
            put_child(writer, progress, child, value);
        }
    }
    if (progress->written == json_object_size(node->value)) {
        return;
    }
    /* Members are told in the order in which they were set: those that are old before the new
     * ones. */
    for (void *at = json_object_iter(node->value); at != NULL;
         at = json_object_iter_next(node->value, at)) {
        const char *name = json_object_iter_key(at);
        size_t size = json_object_iter_key_len(at);
        size_t start = 0;
        if (!is_child(node, name, size, &from) && !is_child(node, name, size, &start)) {
            put_appended(writer, progress, name, size, json_object_iter_value(at));
        }
    }
}

static void
put_elements(struct writer *writer, struct progress *progress)
{
    const struct node *node = progress->node;
    size_t next = 0;
    for (size_t i = 0; i < node->count; i++) {
        const struct node *child = &node->children[i];
        if (json_array_get(node->value, next) == child->value) {
            put_child(writer, progress, child, child->value);
            next++;
        }
    }
    for (; next < json_array_size(node->value); next++) {
        put_appended(writer, progress, NULL, 0, json_array_get(node->value, next));
    }
}

static void
put_node(struct writer *writer, const struct node *node)
{
    struct progress progress = {node, 0};
    bool is_object = json_is_object(node->value);
    if (!is_object && !json_is_array(node->value)) {
        hook_json_copy(writer, node->begin, node->end);
        return;
    }
    hook_json_copy(writer, node->begin, node->begin + 1);
    if (is_object) {
        put_members(writer, &progress);
    } else {
        put_elements(writer, &progress);
    }
    if (node->count > 0 && progress.written > 0) {
        const struct node *last = &node->children[node->count - 1];
        hook_json_copy(writer, last->end, last->stop);
    } else if (node->count == 0 && progress.written > 0) {
        put_line(writer, node->begin, 0);
    } else if (node->count == 0) {
        hook_json_copy(writer, node->begin + 1, node->end - 1);
    }
    hook_json_copy(writer, node->end - 1, node->end);
}

char *
fi_hook_json_text(const struct fi_hook_json *edit)
{
    char *text = NULL;
    size_t size = 0;
    struct writer writer = {.edit = edit, .out = open_memstream(&text, &size)};
    if (writer.out == NULL) {
        return NULL;
    }
    hook_json_copy(&writer, 0, edit->root.begin);
    put_node(&writer, &edit->root);
    hook_json_copy(&writer, edit->root.end, edit->size);
    if (fclose(writer.out) != 0 || writer.has_failed) {
        free(text);
        return NULL;
    }
    return text;
}
