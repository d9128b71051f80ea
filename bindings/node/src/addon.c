/* SPDX-License-Identifier: Apache-2.0
 *
 * addon.c: loading the addon into an environment (the main thread, or a worker), and the end of the environment.
 */
#include <stdlib.h>

#include "addon.h"

/* Everything is closed before the environment goes: stores write what is not durable yet, and release their locks. */
static void
instance_free(napi_env env, void *data, void *hint)
{
    struct instance *instance = data;
    (void)hint;
    instance_close_all(instance);
    if (instance->error_class != NULL) {
        (void)napi_delete_reference(env, instance->error_class);
    }
    free(instance->slots);
    free(instance->generations);
    free(instance->free_slots);
    free(instance);
}

static napi_value
set_error_class(napi_env env, napi_callback_info info)
{
    struct args args;
    napi_valuetype type;
    if (!args_read(env, info, &args)) {
        return NULL;
    }
    if (args.count < 1 || args.instance->error_class != NULL ||
        napi_typeof(env, args.values[0], &type) != napi_ok || type != napi_function) {
        (void)throw_invalid(&args, "the class of errors is set once, and is a class");
        return NULL;
    }
    (void)napi_create_reference(env, args.values[0], 1, &args.instance->error_class);
    return NULL;
}

/* How many handles are open: for tests of leaks. */
static napi_value
open_handles(napi_env env, napi_callback_info info)
{
    struct args args;
    if (!args_read(env, info, &args)) {
        return NULL;
    }
    assert(args.instance->free_count <= args.instance->slot_count);
    return make_number(env, (double)(args.instance->slot_count - args.instance->free_count));
}

static napi_value
version(napi_env env, napi_callback_info info)
{
    (void)info;
    return make_text(env, firn_version(), NAPI_AUTO_LENGTH);
}

/* The merge operators by their names, as numbers: all that the library knows. */
static bool
operators_define(napi_env env, napi_value exports)
{
    napi_value operators;
    bool is_fine = napi_create_object(env, &operators) == napi_ok;
    for (int i = 1; is_fine && is_operator(i); i++) {
        is_fine = napi_set_named_property(env, operators,
                                          firn_merge_operator_name((firn_merge_operator)i),
                                          make_number(env, i)) == napi_ok;
    }
    return is_fine && napi_set_named_property(env, exports, "operators", operators) == napi_ok;
}

NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports);

NAPI_MODULE_EXPORT napi_value
napi_register_module_v1(napi_env env, napi_value exports)
{
    struct instance *instance = calloc(1, sizeof(*instance));
    if (instance == NULL || napi_set_instance_data(env, instance, instance_free, NULL) != napi_ok) {
        free(instance);
        (void)napi_throw_error(env, "FIRN_NO_MEMORY", "out of memory");
        return NULL;
    }
    instance->env = env;
    if (!function_define(instance, exports, "setErrorClass", set_error_class) ||
        !function_define(instance, exports, "openHandles", open_handles) ||
        !function_define(instance, exports, "version", version) ||
        !operators_define(env, exports) || !calls_define(instance, exports, kv_calls) ||
        !calls_define(instance, exports, write_calls) ||
        !calls_define(instance, exports, state_calls) ||
        !calls_define(instance, exports, table_calls) ||
        !calls_define(instance, exports, scan_calls) ||
        !calls_define(instance, exports, exchange_calls) ||
        !calls_define(instance, exports, compare_calls) ||
        !calls_define(instance, exports, statement_calls) ||
        !calls_define(instance, exports, workspace_calls) ||
        !calls_define(instance, exports, workspace_list_calls) ||
        !calls_define(instance, exports, remote_calls) ||
        !calls_define(instance, exports, keys_calls) || !kv_define(instance, exports) ||
        !write_define(instance, exports) || !monitor_define(instance, exports)) {
        (void)napi_throw_error(env, "FIRN_NO_MEMORY", "out of memory");
        return NULL;
    }
    return exports;
}
