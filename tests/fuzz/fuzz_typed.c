/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_typed: what people type or edit: references to checkpoints, and files of settings.
 *
 * The first byte says which. A reference that is read is of one kind and has the fields of it within
 * their bounds. A file of settings that is read is read again after every change that can be made of
 * it, and says the same but for that change.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "place/place.h"
#include "reference/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Local time jumps by hours at odd instants. */
static int64_t
zone(int64_t since_epoch_s)
{
    return since_epoch_s / 100000 % 2 == 0 ? -39600 : 50400;
}

static const struct fi_reference_clock typed_at = {INT64_C(1795183205250000000), zone};

static void
read_reference(firn_slice bytes)
{
    char *text = malloc(bytes.size + 1);
    struct fi_reference read;
    firn_error err = {0};
    CHECK(text != NULL);
    memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    int rc = fi_reference_read(text, &typed_at, &read, &err);
    bool is_name = fi_reference_is_name(firn_str(text));
    if (rc != FIRN_OK) {
        CHECK(rc == FIRN_INVALID && err.code == rc && !is_name);
    } else if (strchr(text, '~') == NULL) {
        CHECK(is_name == (read.kind == FI_REFERENCE_NAME) && read.back == 0);
    }
    if (rc == FIRN_OK && read.kind == FI_REFERENCE_ID) {
        CHECK(read.id_size >= 4 && read.id_size < sizeof read.id &&
              strlen(read.id) == read.id_size);
    }
    if (rc == FIRN_OK && read.kind == FI_REFERENCE_NUMBER) {
        CHECK(read.number > 0);
    }
    CHECK(rc != FIRN_OK || read.time_ns >= 0);
    free(text);
}

static void
check_change(firn_slice text, const struct fi_place_config_text *config,
             enum fi_place_config_key key, const char *value)
{
    struct fi_buf changed = {0};
    struct fi_place_config_text again;
    firn_error err = {0};
    CHECK(fi_place_config_text_change(text, key, value, &changed) == FIRN_OK);
    int rc = fi_place_config_text_read(fi_buf_slice(&changed), &again, &err);
    if (changed.size > FI_PLACE_CONFIG_TEXT_SIZE_MAX) {
        CHECK(rc == FIRN_LIMIT);
    } else {
        CHECK(rc == FIRN_OK);
        for (unsigned i = 0; i < FI_PLACE_CONFIG_KEYS; i++) {
            bool is_key = i == (unsigned)key;
            CHECK(again.is_set[i] == (is_key ? value != NULL : config->is_set[i]));
            CHECK(is_key || again.values[i] == config->values[i]);
        }
    }
    fi_buf_deinit(&changed);
}

/* What is mended can be read. */
static void
check_mended(firn_slice text)
{
    struct fi_buf mended = {0};
    struct fi_place_config_text config;
    firn_error err = {0};
    CHECK(fi_place_config_text_repair(text, &mended) == FIRN_OK);
    int rc = fi_place_config_text_read(fi_buf_slice(&mended), &config, &err);
    CHECK(rc == (mended.size > FI_PLACE_CONFIG_TEXT_SIZE_MAX ? FIRN_LIMIT : FIRN_OK));
    CHECK(rc != FIRN_OK || config.is_set[FI_PLACE_CONFIG_KEEP]);
    fi_buf_deinit(&mended);
}

static void
read_settings(firn_slice text)
{
    struct fi_place_config_text config;
    firn_error err = {0};
    int rc = fi_place_config_text_read(text, &config, &err);
    if (rc != FIRN_OK) {
        CHECK(err.code == rc && (rc == FIRN_INVALID || rc == FIRN_LIMIT));
        check_mended(text);
        return;
    }
    for (unsigned i = 0; i < FI_PLACE_CONFIG_KEYS; i++) {
        enum fi_place_config_key key = (enum fi_place_config_key)i;
        char value[FI_PLACE_CONFIG_TEXT_VALUE_SIZE];
        fi_place_config_text_show(&config, key, value);
        check_change(text, &config, key, value);
        check_change(text, &config, key, NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    firn_slice rest = firn_bytes(data + 1, size - 1);
    if (data[0] % 2 == 0) {
        read_reference(rest);
    } else {
        read_settings(rest);
    }
    return 0;
}
