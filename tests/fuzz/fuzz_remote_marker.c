/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/remote_marker: the file FIRN-REMOTE.txt of a hostile bucket. What is read can be written
 * and read again.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "remote/remote_marker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_remote_marker marker;
    struct fi_remote_marker again;
    struct fi_buf text = {0};
    firn_error err;
    if (fi_remote_marker_decode(firn_bytes(data, size), &marker, &err) == FIRN_OK) {
        CHECK(fi_remote_marker_encode(&marker, &text, &err) == FIRN_OK);
        CHECK(fi_remote_marker_decode(fi_buf_slice(&text), &again, &err) == FIRN_OK);
        CHECK(memcmp(&marker, &again, sizeof marker) == 0);
    }
    fi_buf_deinit(&text);
    return 0;
}
