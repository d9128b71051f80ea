/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_arguments.c: the parameters of a tool, as a schema and as a check.
 *
 * Unknown members are refused: if a misspelled dry_run were ignored, a call that should only look
 * would write. A null counts as "not given", because some clients fill in all members that they
 * know. A number like 5.0 is an integer, as in JSON Schema.
 */
#include "mcp/mcp_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *
type_name(enum fi_mcp_arguments_kind kind)
{
    switch (kind) {
    case FI_MCP_ARGUMENTS_STRING:
    case FI_MCP_ARGUMENTS_TEXT:
        return "string";
    case FI_MCP_ARGUMENTS_BOOL:
        return "boolean";
    case FI_MCP_ARGUMENTS_COUNT:
        return "integer";
    case FI_MCP_ARGUMENTS_STRINGS:
        return "array";
    }
    return "null";
}

static void
write_param(struct fi_term_writer *json, const struct fi_mcp_arguments_param *param)
{
    fi_term_writer_object(json, param->name);
    fi_term_writer_string(json, "type", type_name(param->kind));
    fi_term_writer_string(json, "description", param->text);
    if (param->kind == FI_MCP_ARGUMENTS_COUNT) {
        fi_term_writer_u64(json, "minimum", 0);
    }
    if (param->kind == FI_MCP_ARGUMENTS_STRINGS) {
        fi_term_writer_object(json, "items");
        fi_term_writer_string(json, "type", "string");
        fi_term_writer_end(json);
        fi_term_writer_u64(json, "minItems", 1);
    }
    fi_term_writer_end(json);
}

void
fi_mcp_arguments_schema(struct fi_term_writer *json, const char *key,
                        const struct fi_mcp_arguments_param *params)
{
    fi_term_writer_object(json, key);
    fi_term_writer_string(json, "type", "object");
    fi_term_writer_object(json, "properties");
    for (const struct fi_mcp_arguments_param *param = params; param->name != NULL; param++) {
        write_param(json, param);
    }
    fi_term_writer_end(json);
    fi_term_writer_array(json, "required");
    for (const struct fi_mcp_arguments_param *param = params; param->name != NULL; param++) {
        if (param->is_required) {
            fi_term_writer_string(json, NULL, param->name);
        }
    }
    fi_term_writer_end(json);
    fi_term_writer_bool(json, "additionalProperties", false);
    fi_term_writer_end(json);
}

static bool
is_string_without_nul(const json_t *value)
{
    return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
}

static bool
is_count(const json_t *value)
{
    double real = json_is_real(value) ? json_real_value(value) : -1;
    return (json_is_integer(value) && json_integer_value(value) >= 0) ||
           (real >= 0 && real < 9e15 && real == (double)(uint64_t)real);
}

static bool
are_strings(const json_t *value)
{
    bool are = json_is_array(value) && json_array_size(value) > 0;
    for (size_t i = 0; are && i < json_array_size(value); i++) {
        are = is_string_without_nul(json_array_get(value, i));
    }
    return are;
}

/* What a value of this kind is called where it is something else; NULL if it is of the kind. */
static const char *
wanted_instead(enum fi_mcp_arguments_kind kind, const json_t *value)
{
    switch (kind) {
    case FI_MCP_ARGUMENTS_STRING:
        return is_string_without_nul(value) ? NULL : "a string without NUL";
    case FI_MCP_ARGUMENTS_TEXT:
        return json_is_string(value) ? NULL : "a string";
    case FI_MCP_ARGUMENTS_BOOL:
        return json_is_boolean(value) ? NULL : "true or false";
    case FI_MCP_ARGUMENTS_COUNT:
        return is_count(value) ? NULL : "a whole number, 0 or more";
    case FI_MCP_ARGUMENTS_STRINGS:
        return are_strings(value) ? NULL : "an array of one or more strings without NUL";
    }
    return "something else";
}

static const struct fi_mcp_arguments_param *
mcp_arguments_find(const struct fi_mcp_arguments_param *params, const char *name)
{
    assert(name != NULL);
    while (params->name != NULL && strcmp(params->name, name) != 0) {
        params++;
    }
    return params->name != NULL ? params : NULL;
}

static const json_t *
given(const json_t *arguments, const char *name)
{
    assert(name != NULL);
    const json_t *value = json_object_get(arguments, name);
    return json_is_null(value) ? NULL : value;
}

/* json_object_iter takes what it might change; nothing here does. */
static json_t *
unconst(const json_t *value)
{
    return (json_t *)(uintptr_t)value;
}

bool
fi_mcp_arguments_check(const struct fi_mcp_arguments_param *params, const json_t *arguments,
                       char *why, size_t why_size)
{
    assert((arguments == NULL || json_is_object(arguments)) && why_size > 0);
    const char *name;
    json_t *value;
    json_object_foreach(unconst(arguments), name, value)
    {
        const struct fi_mcp_arguments_param *param = mcp_arguments_find(params, name);
        const char *wanted =
            param == NULL || json_is_null(value) ? NULL : wanted_instead(param->kind, value);
        if (param == NULL) {
            (void)snprintf(why, why_size, "unknown argument '%.100s'", name);
            return false;
        }
        if (wanted != NULL) {
            (void)snprintf(why, why_size, "argument '%s' must be %s", name, wanted);
            return false;
        }
    }
    for (const struct fi_mcp_arguments_param *param = params; param->name != NULL; param++) {
        if (param->is_required && given(arguments, param->name) == NULL) {
            (void)snprintf(why, why_size, "argument '%s' is missing", param->name);
            return false;
        }
    }
    return true;
}

const char *
fi_mcp_arguments_string(const json_t *arguments, const char *name)
{
    return json_string_value(given(arguments, name));
}

bool
fi_mcp_arguments_bool(const json_t *arguments, const char *name, bool fallback)
{
    const json_t *value = given(arguments, name);
    return value != NULL ? json_is_true(value) : fallback;
}

uint64_t
fi_mcp_arguments_count(const json_t *arguments, const char *name, uint64_t fallback)
{
    const json_t *value = given(arguments, name);
    if (value == NULL) {
        return fallback;
    }
    return json_is_integer(value) ? (uint64_t)json_integer_value(value)
                                  : (uint64_t)json_real_value(value);
}
