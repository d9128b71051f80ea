/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_literal.c: number literals.
 *
 * Digits alone are an I64, or a U64 if they do not fit. With a point and at most 18 digits, a
 * number is a decimal of just that scale, so that 0.1 is exactly a tenth. With an exponent, or more
 * digits, it is an F64. Leading zeros do not count as digits.
 */
#include "base/check.h"
#include "expr/expr_bind.h"
#include "text/text_float.h"

const char *
fi_expr_literal_number(firn_slice text, bool is_negative, struct fi_expr_type *out_type,
                       struct fi_cell *out)
{
    uint64_t number = 0;
    uint32_t digits = 0;
    uint32_t fraction = 0;
    bool has_point = false;
    bool is_exact = true;
    bool fits = true;
    *out_type = (struct fi_expr_type){.type = FIRN_TYPE_I64};
    *out = (struct fi_cell){.kind = FI_PHYSICAL_I64};
    for (size_t i = 0; i < text.size && is_exact; i++) {
        uint8_t byte = text.data[i];
        if (byte == '.') {
            has_point = true;
        } else if (byte < '0' || byte > '9') {
            is_exact = false;
        } else {
            fits = fits && number <= (UINT64_MAX - (uint64_t)(byte - '0')) / 10;
            number = number * 10 + (uint64_t)(byte - '0');
            digits += number > 0 || !fits ? 1 : 0;
            fraction += has_point ? 1 : 0;
        }
    }
    DCHECK(text.size > 0);
    if (is_exact && !has_point) {
        if (!fits || (is_negative && number > (uint64_t)INT64_MAX + 1)) {
            return "has too many digits: write it with an exponent, as 1e20";
        }
        if (!is_negative && number > (uint64_t)INT64_MAX) {
            out_type->type = FIRN_TYPE_U64;
            *out = (struct fi_cell){.kind = FI_PHYSICAL_U64, .as.u64 = number};
            return NULL;
        }
        out->as.u64 = is_negative ? 0 - number : number;
        return NULL;
    }
    if (is_exact && fits && digits <= FI_EXPR_PRECISION_MAX && fraction <= FI_EXPR_PRECISION_MAX) {
        out_type->type = FIRN_TYPE_DECIMAL;
        out_type->precision = digits > fraction ? digits : fraction;
        out_type->precision = out_type->precision > 0 ? out_type->precision : 1;
        out_type->scale = fraction;
        out->as.i64 = is_negative ? -(int64_t)number : (int64_t)number;
        return NULL;
    }
    double real = 0;
    const char *wrong = fi_text_float_read64(text, &real);
    out_type->type = FIRN_TYPE_F64;
    *out = (struct fi_cell){.kind = FI_PHYSICAL_F64, .as.f64 = is_negative ? -real : real};
    return wrong;
}
