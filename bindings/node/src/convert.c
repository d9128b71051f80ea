/* SPDX-License-Identifier: Apache-2.0
 *
 * convert.c: arguments from JavaScript, results to it, and errors.
 *
 * Nothing that JavaScript passes is trusted: each argument is checked for its type and range, and a wrong one is refused
 * with FIRN_INVALID, which names the argument. Functions that make values ignore failures of Node-API. After such a
 * failure an exception is pending, or the environment ends; the caller that settles the call looks for the exception.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addon.h"

/* ---- errors ---- */

napi_value
error_create(struct instance *instance, int code, int os_errno, const char *text)
{
    napi_env env = instance->env;
    napi_value arguments[3] = {NULL, NULL, NULL};
    napi_value class = NULL;
    napi_value error = NULL;
    if (text == NULL || text[0] == '\0') {
        text = firn_code_text(code);
    }
    (void)napi_create_string_utf8(env, firn_code_name(code), NAPI_AUTO_LENGTH, &arguments[0]);
    (void)napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &arguments[1]);
    (void)napi_create_int32(env, os_errno, &arguments[2]);
    if (instance->error_class != NULL &&
        napi_get_reference_value(env, instance->error_class, &class) == napi_ok && class != NULL &&
        napi_new_instance(env, class, 3, arguments, &error) == napi_ok) {
        return error;
    }
    return NULL;
}

bool
throw_error(struct instance *instance, int code, int os_errno, const char *text)
{
    napi_value error;
    assert(code != FIRN_OK);
    error = error_create(instance, code, os_errno, text);
    if (error != NULL) {
        (void)napi_throw(instance->env, error);
    } else {
        bool threw = false;
        (void)napi_is_exception_pending(instance->env, &threw);
        if (!threw) {
            (void)napi_throw_error(instance->env, firn_code_name(code), text);
        }
    }
    return false;
}

bool
throw_invalid(struct args *args, const char *format, ...)
{
    char text[512];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    return throw_error(args->instance, FIRN_INVALID, 0, text);
}

bool
throw_no_memory(struct instance *instance)
{
    return throw_error(instance, FIRN_NO_MEMORY, 0, NULL);
}

/* ---- arguments ---- */

static napi_valuetype
type_of(struct args *args, napi_value value)
{
    napi_valuetype type = napi_undefined;
    (void)napi_typeof(args->env, value, &type);
    return type;
}

bool
arg_is_none(struct args *args, size_t i)
{
    napi_valuetype type = i < args->count ? type_of(args, args->values[i]) : napi_undefined;
    assert(i < CALL_ARGS_MAX);
    return type == napi_undefined || type == napi_null;
}

static const char *
kind_text(unsigned kinds)
{
    switch (kinds) {
    case HANDLE_STORE:
        return "store";
    case HANDLE_KEYSPACE:
        return "keyspace";
    case HANDLE_SNAPSHOT:
        return "snapshot";
    case HANDLE_TXN:
        return "transaction";
    case HANDLE_BATCH:
        return "batch";
    case HANDLE_CURSOR:
        return "iterator";
    case HANDLE_TABLE:
        return "table";
    case HANDLE_SCAN:
        return "scan";
    case HANDLE_BULK:
        return "load";
    case HANDLE_WORKSPACE:
        return "workspace";
    case HANDLE_SQL:
        return "store"; /* which has the connection */
    case HANDLE_STATEMENT:
        return "result";
    default:
        return "handle";
    }
}

bool
arg_handle(struct args *args, size_t i, unsigned kinds, struct handle **out)
{
    double number = -1;
    struct handle *handle;
    char text[128];
    *out = NULL;
    if (i >= args->count || napi_get_value_double(args->env, args->values[i], &number) != napi_ok) {
        return throw_invalid(args, "argument %zu must be a %s", i + 1, kind_text(kinds));
    }
    handle = handle_find(args->instance, number, kinds);
    if (handle == NULL) {
        (void)snprintf(text, sizeof(text), "the %s is closed", kind_text(kinds));
        return throw_error(args->instance, FIRN_MISUSE, 0, text);
    }
    if (args->call != NULL) {
        assert(args->call->use_count < CALL_USES_MAX);
        args->call->uses[args->call->use_count++] = handle;
        handle_use(handle);
    }
    *out = handle;
    return true;
}

bool
arg_target(struct args *args, unsigned kinds, struct handle **out)
{
    struct call *call = args->call;
    if (!arg_handle(args, 0, kinds, out)) {
        return false;
    }
    /* It counts as used by its ancestors, which must not be closed meanwhile, but not by itself: the call waits for that. */
    handle_unuse(*out);
    call->use_count--;
    if ((*out)->parent != NULL) {
        call->uses[call->use_count++] = (*out)->parent;
        handle_use((*out)->parent);
    }
    return true;
}

bool
arg_handle_or_none(struct args *args, size_t i, unsigned kinds, struct handle **out)
{
    *out = NULL;
    return arg_is_none(args, i) || arg_handle(args, i, kinds, out);
}

bool
arg_context(struct args *args, size_t i, unsigned kinds, const struct handle *of,
            struct handle **out)
{
    if (!arg_handle_or_none(args, i, kinds, out)) {
        return false;
    }
    if (*out != NULL && (*out)->parent != of->parent) {
        return throw_invalid(args, "the %s belongs to another store", kind_text((*out)->kind));
    }
    return true;
}

/* Whether a string has half of a pair alone. UTF-8 has none, so Node makes U+FFFD of it: two strings would become the same bytes. */
static bool
has_lone_surrogate(struct args *args, napi_value string)
{
    size_t length;
    size_t i;
    bool is_lone = false;
    char16_t *units;
    if (napi_get_value_string_utf16(args->env, string, NULL, 0, &length) != napi_ok ||
        (units = malloc((length + 1) * sizeof(*units))) == NULL) {
        return true;
    }
    (void)napi_get_value_string_utf16(args->env, string, units, length + 1, &length);
    for (i = 0; i < length && !is_lone; i++) {
        if ((units[i] & 0xfc00) == 0xd800 && i + 1 < length && (units[i + 1] & 0xfc00) == 0xdc00) {
            i++;
        } else {
            is_lone = (units[i] & 0xf800) == 0xd800;
        }
    }
    free(units);
    return is_lone;
}

bool
string_is_whole(struct args *args, napi_value string, const uint8_t *utf8, size_t size,
                const char *what)
{
    const uint8_t *at = utf8;
    while ((at = memchr(at, 0xef, size - (size_t)(at - utf8))) != NULL) {
        if (size - (size_t)(at - utf8) >= 3 && at[1] == 0xbf && at[2] == 0xbd) {
            return !has_lone_surrogate(args, string) ||
                   throw_invalid(args, "%s is no text: it has half of a surrogate pair", what);
        }
        at++;
    }
    return true;
}

bool
memory_is_there(struct args *args, napi_value view, size_t size, const char *what)
{
    bool is = false;
    napi_value buffer = view;
    if (size > 0) {
        return true;
    }
    if (napi_is_typedarray(args->env, view, &is) == napi_ok && is) {
        (void)napi_get_typedarray_info(args->env, view, NULL, NULL, NULL, &buffer, NULL);
    } else if (napi_is_dataview(args->env, view, &is) == napi_ok && is) {
        (void)napi_get_dataview_info(args->env, view, NULL, NULL, &buffer, NULL);
    }
    return napi_is_detached_arraybuffer(args->env, buffer, &is) != napi_ok || !is ||
           throw_invalid(args, "%s was transferred: its memory is gone", what);
}

bool
value_bytes(struct args *args, napi_value value, const char *what, firn_slice *out)
{
    void *data = NULL;
    size_t size = 0;
    bool is = false;
    uint8_t *copy;
    assert(args->call != NULL);
    if (type_of(args, value) == napi_string) {
        size_t written;
        if (napi_get_value_string_utf8(args->env, value, NULL, 0, &size) != napi_ok) {
            return throw_invalid(args, "%s could not be read", what);
        }
        copy = arena_take(&args->call->arena, size + 1);
        if (copy == NULL) {
            return throw_no_memory(args->instance);
        }
        if (napi_get_value_string_utf8(args->env, value, (char *)copy, size + 1, &written) !=
            napi_ok) {
            return throw_invalid(args, "%s could not be read", what);
        }
        assert(written <= size);
        *out = firn_bytes(copy, written);
        return string_is_whole(args, value, copy, written, what);
    }
    if (napi_is_buffer(args->env, value, &is) == napi_ok && is) { /* any view */
        if (napi_get_buffer_info(args->env, value, &data, &size) != napi_ok) {
            return throw_invalid(args, "%s could not be read", what);
        }
    } else if (napi_is_arraybuffer(args->env, value, &is) == napi_ok && is) {
        if (napi_get_arraybuffer_info(args->env, value, &data, &size) != napi_ok) {
            return throw_invalid(args, "%s could not be read", what);
        }
    } else {
        return throw_invalid(
            args, "%s must be a string, a Buffer or another view, or an ArrayBuffer", what);
    }
    if (!memory_is_there(args, value, data == NULL ? 0 : size, what)) {
        return false;
    }
    copy = arena_copy(&args->call->arena, data, data == NULL ? 0 : size);
    if (copy == NULL) {
        return throw_no_memory(args->instance);
    }
    *out = firn_bytes(copy, data == NULL ? 0 : size);
    return true;
}

bool
arg_bytes(struct args *args, size_t i, const char *what, firn_slice *out)
{
    if (i >= args->count) {
        return throw_invalid(args, "%s is missing", what);
    }
    return value_bytes(args, args->values[i], what, out);
}

bool
arg_bytes_or_none(struct args *args, size_t i, const char *what, firn_slice *out)
{
    *out = firn_bytes(NULL, 0);
    return arg_is_none(args, i) || value_bytes(args, args->values[i], what, out);
}

bool
arg_key(struct args *args, size_t i, struct key *out)
{
    firn_slice key;
    if (!arg_bytes_or_none(args, i, "key", &key) ||
        !arg_bool(args, i + 1, "keyIsText", &out->is_text)) {
        return false;
    }
    const bool fits = key.size <= sizeof out->bytes;
    out->is_given = key.data != NULL;
    out->size = fits ? key.size : 0;
    if (out->size > 0) {
        memcpy(out->bytes, key.data, out->size);
    }
    if (key.size > 0) {
        explicit_bzero((void *)(uintptr_t)key.data, key.size); /* the copy in the call */
    }
    return fits || throw_invalid(args, "a key has at most 4096 bytes");
}

/* A second time the answer would be the same. */
static int
give_key(void *ctx, const firn_keys_request *request, firn_keys_answer *answer, firn_error *err)
{
    const struct key *key = ctx;
    if (!key->is_given || request->attempt > 1) {
        *err = (firn_error){.code = FIRN_NOT_FOUND};
        return FIRN_NOT_FOUND;
    }
    answer->kind = key->is_text ? FIRN_KEYS_PASSPHRASE : FIRN_KEYS_FILE;
    answer->used = key->size;
    memcpy(answer->bytes, key->bytes, key->size);
    return FIRN_OK;
}

firn_keys_source
key_source(struct key *key)
{
    return (firn_keys_source){give_key, key};
}

void
key_wipe(struct key *key)
{
    explicit_bzero(key->bytes, sizeof key->bytes);
}

void
key_destroy(struct key *key)
{
    if (key != NULL) {
        key_wipe(key);
        free(key);
    }
}

bool
value_text(struct args *args, napi_value value, const char *what, const char **out)
{
    firn_slice bytes;
    *out = NULL;
    if (type_of(args, value) != napi_string) {
        return throw_invalid(args, "%s must be a string", what);
    }
    if (!value_bytes(args, value, what, &bytes)) {
        return false;
    }
    if (strlen((const char *)bytes.data) != bytes.size) {
        return throw_invalid(args, "%s must not contain a NUL", what);
    }
    *out = (const char *)bytes.data;
    return true;
}

bool
arg_text(struct args *args, size_t i, const char *what, const char **out)
{
    *out = NULL;
    if (i >= args->count) {
        return throw_invalid(args, "%s must be a string", what);
    }
    return value_text(args, args->values[i], what, out);
}

bool
arg_text_or_none(struct args *args, size_t i, const char *what, const char **out)
{
    *out = NULL;
    return arg_is_none(args, i) || arg_text(args, i, what, out);
}

bool
arg_bool(struct args *args, size_t i, const char *what, bool *out)
{
    *out = false;
    if (arg_is_none(args, i)) {
        return true;
    }
    if (napi_get_value_bool(args->env, args->values[i], out) != napi_ok) {
        return throw_invalid(args, "%s must be a boolean", what);
    }
    return true;
}

bool
arg_i64(struct args *args, size_t i, const char *what, int64_t *out)
{
    double number;
    bool lossless = false;
    *out = 0;
    if (i < args->count && type_of(args, args->values[i]) == napi_bigint) {
        if (napi_get_value_bigint_int64(args->env, args->values[i], out, &lossless) == napi_ok &&
            lossless) {
            return true;
        }
        return throw_invalid(args, "%s does not fit into 64 bits", what);
    }
    if (i >= args->count || napi_get_value_double(args->env, args->values[i], &number) != napi_ok) {
        return throw_invalid(args, "%s must be a number or a BigInt", what);
    }
    if (!(number >= -9007199254740991.0 && number <= 9007199254740991.0) ||
        (double)(int64_t)number != number) {
        return throw_invalid(args, "%s must be a whole number, as a BigInt if it is beyond 2^53",
                             what);
    }
    *out = (int64_t)number;
    return true;
}

bool
arg_u64(struct args *args, size_t i, const char *what, uint64_t otherwise, uint64_t *out)
{
    int64_t number;
    bool lossless = false;
    *out = otherwise;
    if (arg_is_none(args, i)) {
        return true;
    }
    if (type_of(args, args->values[i]) == napi_bigint) {
        if (napi_get_value_bigint_uint64(args->env, args->values[i], out, &lossless) == napi_ok &&
            lossless) {
            return true;
        }
        return throw_invalid(args, "%s must be at least 0 and fit into 64 bits", what);
    }
    if (!arg_i64(args, i, what, &number)) {
        return false;
    }
    if (number < 0) {
        return throw_invalid(args, "%s must not be negative", what);
    }
    *out = (uint64_t)number;
    return true;
}

bool
arg_double(struct args *args, size_t i, const char *what, double otherwise, double *out)
{
    *out = otherwise;
    if (!arg_is_none(args, i) &&
        napi_get_value_double(args->env, args->values[i], out) != napi_ok) {
        return throw_invalid(args, "%s must be a number", what);
    }
    return true;
}

bool
arg_enum(struct args *args, size_t i, const char *what, int max, int *out)
{
    uint64_t number;
    *out = 0;
    if (!arg_u64(args, i, what, 0, &number)) {
        return false;
    }
    if (number > (uint64_t)max) {
        return throw_invalid(args, "%s is not one of its values", what);
    }
    *out = (int)number;
    return true;
}

/* The length of an array, and memory for it. */
static bool
array_begin(struct args *args, size_t i, const char *what, size_t element, void **out,
            uint32_t *out_count)
{
    bool is = false;
    *out = NULL;
    *out_count = 0;
    if (arg_is_none(args, i)) {
        return true;
    }
    if (napi_is_array(args->env, args->values[i], &is) != napi_ok || !is ||
        napi_get_array_length(args->env, args->values[i], out_count) != napi_ok) {
        return throw_invalid(args, "%s must be an array", what);
    }
    *out = arena_take(&args->call->arena, (size_t)*out_count * element + 1);
    return *out != NULL || throw_no_memory(args->instance);
}

bool
arg_texts(struct args *args, size_t i, const char *what, const char *const **out, size_t *out_count)
{
    const char **texts;
    void *memory;
    uint32_t count;
    uint32_t k;
    *out = NULL;
    *out_count = 0;
    if (!array_begin(args, i, what, sizeof(char *), &memory, &count)) {
        return false;
    }
    texts = memory;
    for (k = 0; k < count; k++) {
        napi_value element;
        if (napi_get_element(args->env, args->values[i], k, &element) != napi_ok ||
            !value_text(args, element, what, &texts[k])) {
            return false;
        }
    }
    *out = texts;
    *out_count = count;
    return true;
}

bool
arg_slices(struct args *args, size_t i, const char *what, firn_slice **out, size_t *out_count)
{
    firn_slice *slices;
    void *memory;
    uint32_t count;
    uint32_t k;
    *out = NULL;
    *out_count = 0;
    if (!array_begin(args, i, what, sizeof(firn_slice), &memory, &count)) {
        return false;
    }
    slices = memory;
    for (k = 0; k < count; k++) {
        napi_value element;
        if (napi_get_element(args->env, args->values[i], k, &element) != napi_ok ||
            !value_bytes(args, element, what, &slices[k])) {
            return false;
        }
    }
    *out = slices;
    *out_count = count;
    return true;
}

bool
arg_write_options(struct args *args, size_t durability, size_t ttl, firn_write_options *out)
{
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    int number;
    *out = options;
    if (!arg_enum(args, durability, "durability", FIRN_DURABILITY_OS, &number) ||
        (ttl < CALL_ARGS_MAX && !arg_u64(args, ttl, "ttl", 0, &out->ttl_ms))) {
        return false;
    }
    out->durability = (firn_durability)number;
    return true;
}

/* ---- results ---- */

napi_value
make_handle(napi_env env, struct call *call, enum handle_kind kind, struct handle *parent,
            void **object)
{
    struct handle *handle = handle_create(call->instance, kind, parent, *object);
    if (handle == NULL) {
        struct handle lost;
        memset(&lost, 0, sizeof(lost));
        lost.kind = kind;
        lost.object = *object;
        *object = NULL;
        (void)!handle_close_objects(&lost, NULL);
        (void)throw_no_memory(call->instance);
        return NULL;
    }
    *object = NULL;
    return make_number(env, handle_number(handle));
}

napi_value
make_buffer(napi_env env, const void *data, size_t size)
{
    napi_value buffer = NULL;
    (void)napi_create_buffer_copy(env, size, data, NULL, &buffer);
    return buffer;
}

static void
free_memory(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    firn_release(data);
}

napi_value
make_buffer_of(napi_env env, void *data, size_t size)
{
    napi_value buffer = NULL;
    if (size >= 64 << 10 &&
        napi_create_external_buffer(env, size, data, free_memory, NULL, &buffer) == napi_ok) {
        return buffer;
    }
    buffer = make_buffer(env, data, size);
    firn_release(data);
    return buffer;
}

napi_value
make_text(napi_env env, const char *text, size_t size)
{
    napi_value value = NULL;
    (void)napi_create_string_utf8(env, text, size, &value);
    return value;
}

napi_value
make_number(napi_env env, double number)
{
    napi_value value = NULL;
    (void)napi_create_double(env, number, &value);
    return value;
}

napi_value
make_bool(napi_env env, bool truth)
{
    napi_value value = NULL;
    (void)napi_get_boolean(env, truth, &value);
    return value;
}

void
set_value(napi_env env, napi_value object, const char *name, napi_value value)
{
    if (object != NULL && value != NULL) {
        (void)napi_set_named_property(env, object, name, value);
    }
}

void
set_text(napi_env env, napi_value object, const char *name, const char *text)
{
    set_value(env, object, name, make_text(env, text, NAPI_AUTO_LENGTH));
}

void
set_slice(napi_env env, napi_value object, const char *name, firn_slice text)
{
    set_value(env, object, name,
              make_text(env, text.data == NULL ? "" : (const char *)text.data, text.size));
}

void
set_number(napi_env env, napi_value object, const char *name, double number)
{
    set_value(env, object, name, make_number(env, number));
}

void
set_bool(napi_env env, napi_value object, const char *name, bool truth)
{
    set_value(env, object, name, make_bool(env, truth));
}

void
set_bigint(napi_env env, napi_value object, const char *name, int64_t number)
{
    napi_value value = NULL;
    (void)napi_create_bigint_int64(env, number, &value);
    set_value(env, object, name, value);
}

void
set_time(napi_env env, napi_value object, int64_t ns)
{
    napi_value value = NULL;
    (void)napi_create_date(env, (double)(ns / 1000000), &value);
    set_value(env, object, "createdAt", value);
    set_bigint(env, object, "createdNs", ns);
}
