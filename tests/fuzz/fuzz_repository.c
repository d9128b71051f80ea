/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/repository: hostile configurations of git.
 *
 * What the filter lets through is filtered again: then nothing is left out, and the text is the
 * same. So its result has no setting but those of the list, and nothing that it does not understand
 * itself. No worktree leads anywhere, so none is kept.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "repository/repository_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_buf once = {0};
    struct fi_buf twice = {0};
    struct fi_buf left = {0};
    CHECK(fi_repository_config_filter(firn_bytes(data, size), NULL, NULL, &once, &left, NULL) ==
          FIRN_OK);
    fi_buf_clear(&left);
    CHECK(fi_repository_config_filter(fi_buf_slice(&once), NULL, NULL, &twice, &left, NULL) ==
          FIRN_OK);
    CHECK(left.size == 0 && fi_slice_equal(fi_buf_slice(&once), fi_buf_slice(&twice)));
    for (size_t i = 0; i < once.size; i++) {
        CHECK(once.data[i] >= ' ' || once.data[i] == '\n' || once.data[i] == '\t');
    }
    fi_buf_deinit(&once);
    fi_buf_deinit(&twice);
    fi_buf_deinit(&left);
    return 0;
}
