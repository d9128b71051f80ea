/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/config: a file of settings, a policy and a size, made of hostile text.
 *
 * Settings are read or refused. A repair of them can be read, keeps what could be read, deletes nothing that the
 * settings kept, and is its own repair; a change changes one setting and nothing else. A policy that is
 * read can be walked with any times, and keeps what it says.
 */
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "place/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(const struct fi_catalog_policy *keep)
{
    static const int64_t times[] = {INT64_MAX, 1700000000000000000, 1699990000000000000, 0, 5,
                                    -1,        INT64_MIN,           INT64_MAX,           0};
    struct fi_catalog_policy_walk step;
    fi_catalog_policy_begin(&step, keep);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        bool is_kept = fi_catalog_policy_next(&step, times[i]);
        CHECK(is_kept || !keep->is_forever);
        CHECK(is_kept || i >= keep->last);
    }
}

static void
read_policy(firn_slice text)
{
    struct fi_catalog_policy keep;
    firn_error err;
    int rc = fi_catalog_policy_read(text, &keep, &err);
    CHECK(rc == FIRN_OK || (rc == FIRN_INVALID && err.code == rc));
    if (rc == FIRN_OK) {
        walk(&keep);
    }
}

static void
check_same(const struct fi_place_config_text *a, const struct fi_place_config_text *b, unsigned but)
{
    for (unsigned key = 0; key < FI_PLACE_CONFIG_KEYS; key++) {
        if (key != but) {
            CHECK(a->is_set[key] == b->is_set[key] && a->values[key] == b->values[key]);
            CHECK(strcmp(a->texts[key], b->texts[key]) == 0);
        }
    }
}

/* Sets each setting to what it is by default, and removes it. */
static void
change_all(firn_slice text, const struct fi_place_config_text *before)
{
    for (unsigned key = 0; key < FI_PLACE_CONFIG_KEYS; key++) {
        for (unsigned removes = 0; removes <= 1; removes++) {
            struct fi_place_config_text none = {.is_set = {false}};
            struct fi_place_config_text after;
            struct fi_buf changed = {0};
            char value[FI_PLACE_CONFIG_TEXT_VALUE_SIZE];
            firn_error err;
            fi_place_config_text_show(&none, (enum fi_place_config_key)key, value);
            int rc = fi_place_config_text_change(text, (enum fi_place_config_key)key,
                                                 removes == 1 ? NULL : value, &changed);
            CHECK(rc == FIRN_OK);
            if (changed.size <= FI_PLACE_CONFIG_TEXT_SIZE_MAX) {
                rc = fi_place_config_text_read(fi_buf_slice(&changed), &after, &err);
                CHECK(rc == FIRN_OK && after.is_set[key] == (removes == 0));
                check_same(before, &after, key);
            }
            fi_buf_deinit(&changed);
        }
    }
}

static void
read_settings(firn_slice text)
{
    struct fi_place_config_text config;
    struct fi_place_config_text repaired;
    struct fi_buf once = {0};
    struct fi_buf twice = {0};
    firn_error err;
    int rc = fi_place_config_text_read(text, &config, &err);
    CHECK(rc == FIRN_OK || ((rc == FIRN_INVALID || rc == FIRN_LIMIT) && err.code == rc));
    CHECK(fi_place_config_text_repair(text, &once) == FIRN_OK);
    if (once.size <= FI_PLACE_CONFIG_TEXT_SIZE_MAX) {
        CHECK(fi_place_config_text_read(fi_buf_slice(&once), &repaired, &err) == FIRN_OK);
        CHECK(repaired.is_set[FI_PLACE_CONFIG_KEEP]); /* nothing expires because of a wrong line */
        if (rc == FIRN_OK) {
            check_same(&config, &repaired,
                       config.is_set[FI_PLACE_CONFIG_KEEP] ? FI_PLACE_CONFIG_KEYS
                                                           : FI_PLACE_CONFIG_KEEP);
        }
        CHECK(fi_place_config_text_repair(fi_buf_slice(&once), &twice) == FIRN_OK);
        CHECK(fi_slice_equal(fi_buf_slice(&once), fi_buf_slice(&twice)));
    }
    if (rc == FIRN_OK) {
        change_all(text, &config);
    }
    fi_buf_deinit(&once);
    fi_buf_deinit(&twice);
}

static void
read_size(firn_slice text)
{
    enum { TEXT_MAX = 64 };
    char line[TEXT_MAX + 1];
    uint64_t size;
    firn_error err;
    size_t used = text.size < TEXT_MAX ? text.size : TEXT_MAX;
    if (used > 0) {
        memcpy(line, text.data, used);
    }
    line[used] = '\0';
    int rc = fi_place_config_size(line, &size, &err);
    CHECK(rc == FIRN_OK || err.code == rc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    firn_slice text = firn_bytes(data, size);
    read_settings(text);
    read_policy(text);
    read_size(text);
    return 0;
}
