/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/cdc.c: content-defined chunking.
 *
 * The method is FastCDC (Xia, Zhou, Jiang et al., "FastCDC: a Fast and Efficient Content-Defined
 * Chunking Approach for Data Deduplication", USENIX ATC 2016): a rolling "gear" hash, which adds
 * a byte by a shift and an addition and forgets it after 64; a cut where some of its bits are zero;
 * the first bytes of a chunk are skipped, because it may not end there anyway; and a stricter
 * condition before the normal size than after it, so that sizes vary less.
 *
 * Where we differ: the tested bits are the topmost ones, which depend on all of the last 64 bytes.
 * The hash starts 64 bytes before the first possible cut, so whether there is a cut depends only on
 * these 64 bytes and on the chunk's beginning (I1; a property of all inputs, which the tests
 * compare). After a change, boundaries soon coincide again: from the first one that both sides
 * find.
 *
 * Costs, measured with 214 changes of 50 KB in 512 MiB (10.7 MB new): 16.3 MB in new chunks, at 2.6
 * GB/s a thread. A normal size of 8 KiB gives 14.1 MB with nearly twice the chunks.
 *
 * The table has a number for each value of a byte, and the sums of these numbers decide. The one in
 * this file, which everybody knows, is for stores in clear; an encrypted store has its own
 * (cipher/cipher_derive.h). Its numbers are not part of a format, but others would cut elsewhere,
 * and stored chunks would no longer be found. They are the first numbers of SplitMix64 from zero on
 * (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
 */
#include "codec/cdc.h"

#include "base/check.h"

enum { WARM_UP = 64 };

/* 15 bits before the normal size, 13 after it: 14 would give chunks of 16 KiB by themselves. */
#define MASK_STRICT (UINT64_MAX << 49)
#define MASK_LOOSE (UINT64_MAX << 51)
/* Five bits that neither condition asks for. */
#define MASK_MAJOR (UINT64_C(0x1f) << 40)

static const struct fi_cdc_table plain_table = {{
    UINT64_C(0xe220a8397b1dcdaf), UINT64_C(0x6e789e6aa1b965f4), UINT64_C(0x06c45d188009454f),
    UINT64_C(0xf88bb8a8724c81ec), UINT64_C(0x1b39896a51a8749b), UINT64_C(0x53cb9f0c747ea2ea),
    UINT64_C(0x2c829abe1f4532e1), UINT64_C(0xc584133ac916ab3c), UINT64_C(0x3ee5789041c98ac3),
    UINT64_C(0xf3b8488c368cb0a6), UINT64_C(0x657eecdd3cb13d09), UINT64_C(0xc2d326e0055bdef6),
    UINT64_C(0x8621a03fe0bbdb7b), UINT64_C(0x8e1f7555983aa92f), UINT64_C(0xb54e0f1600cc4d19),
    UINT64_C(0x84bb3f97971d80ab), UINT64_C(0x7d29825c75521255), UINT64_C(0xc3cf17102b7f7f86),
    UINT64_C(0x3466e9a083914f64), UINT64_C(0xd81a8d2b5a4485ac), UINT64_C(0xdb01602b100b9ed7),
    UINT64_C(0xa9038a921825f10d), UINT64_C(0xedf5f1d90dca2f6a), UINT64_C(0x54496ad67bd2634c),
    UINT64_C(0xdd7c01d4f5407269), UINT64_C(0x935e82f1db4c4f7b), UINT64_C(0x69b82ebc92233300),
    UINT64_C(0x40d29eb57de1d510), UINT64_C(0xa2f09dabb45c6316), UINT64_C(0xee521d7a0f4d3872),
    UINT64_C(0xf16952ee72f3454f), UINT64_C(0x377d35dea8e40225), UINT64_C(0x0c7de8064963bab0),
    UINT64_C(0x05582d37111ac529), UINT64_C(0xd254741f599dc6f7), UINT64_C(0x69630f7593d108c3),
    UINT64_C(0x417ef96181daa383), UINT64_C(0x3c3c41a3b43343a1), UINT64_C(0x6e19905dcbe531df),
    UINT64_C(0x4fa9fa7324851729), UINT64_C(0x84eb4454a792922a), UINT64_C(0x134f7096918175ce),
    UINT64_C(0x07dc930b302278a8), UINT64_C(0x12c015a97019e937), UINT64_C(0xcc06c31652ebf438),
    UINT64_C(0xecee65630a691e37), UINT64_C(0x3e84ecb1763e79ad), UINT64_C(0x690ed476743aae49),
    UINT64_C(0x774615d7b1a1f2e1), UINT64_C(0x22b353f04f4f52da), UINT64_C(0xe3ddd86ba71a5eb1),
    UINT64_C(0xdf268adeb6513356), UINT64_C(0x2098eb73d4367d77), UINT64_C(0x03d6845323ce3c71),
    UINT64_C(0xc952c5620043c714), UINT64_C(0x9b196bca844f1705), UINT64_C(0x30260345dd9e0ec1),
    UINT64_C(0xcf448a5882bb9698), UINT64_C(0xf4a578dccbc87656), UINT64_C(0xbfdeaed9a17b3c8f),
    UINT64_C(0xed79402d1d5c5d7b), UINT64_C(0x55f070ab1cbbf170), UINT64_C(0x3e00a34929a88f1d),
    UINT64_C(0xe255b237b8bb18fb), UINT64_C(0x2a7b67af6c6ad50e), UINT64_C(0x466d5e7f3e46f143),
    UINT64_C(0x42375cb399a4fc72), UINT64_C(0x8c8a1f148a8bb259), UINT64_C(0x32fcab5daed5bdfc),
    UINT64_C(0x9e60398c8d8553c0), UINT64_C(0xee89cceb8c4064c0), UINT64_C(0xdb0215941d86a66f),
    UINT64_C(0x5ccde78203c367a8), UINT64_C(0xf1bcbc6a1ec11786), UINT64_C(0xef054fceee954551),
    UINT64_C(0xdf82012d0555c6df), UINT64_C(0x292566ff72403c08), UINT64_C(0xc4dd302a1bfa1137),
    UINT64_C(0xd85f219db5c554e1), UINT64_C(0x6a27ff807441bcd2), UINT64_C(0x96a573e9b48216e8),
    UINT64_C(0x46a9fdac40bf0048), UINT64_C(0x3dd12464a0ee15b4), UINT64_C(0x451e521296a7eea1),
    UINT64_C(0x56e4398a98f8a0fd), UINT64_C(0x7b7dc2160e3335a7), UINT64_C(0xc679ee0bebcb1cca),
    UINT64_C(0x928d6f2d7453424e), UINT64_C(0x1b38994205234c6d), UINT64_C(0x8086d193a6f2b568),
    UINT64_C(0x21c6e26639ac2c65), UINT64_C(0xd9dccac414d23c6f), UINT64_C(0x91cd642057e00235),
    UINT64_C(0x77fc607dc6589373), UINT64_C(0x05b8abe26dd3aee7), UINT64_C(0x12f6436ac376cc66),
    UINT64_C(0x64952424897b2307), UINT64_C(0xee8c2baf6343e5c3), UINT64_C(0xdc4c613d9eba2304),
    UINT64_C(0x3505b7796bd1a506), UINT64_C(0x8176daf800a05f50), UINT64_C(0x8bd8ff7a0385cdbc),
    UINT64_C(0x1a764a3cd78101da), UINT64_C(0xbe4d15bf6ca266ac), UINT64_C(0xa85e1f38bb2dc749),
    UINT64_C(0x56759a968493cd8c), UINT64_C(0xf3a9bce7336bd182), UINT64_C(0x365b15013741519b),
    UINT64_C(0x1f7a44a6b109ac94), UINT64_C(0x3521d628813cb177), UINT64_C(0x6a77afab0f7c9370),
    UINT64_C(0x179642d8cde95015), UINT64_C(0x5ef102a8fb354461), UINT64_C(0xf51c504764ed82f2),
    UINT64_C(0xc58427f041ce6808), UINT64_C(0xfad8fc45c9643c37), UINT64_C(0xcf8682f9a70fa9c0),
    UINT64_C(0x7e1b3b75a4005729), UINT64_C(0x992dd867927b52d8), UINT64_C(0x7fbd5db142f6791f),
    UINT64_C(0x370595aacab4adae), UINT64_C(0xb1392dbdc5ab61d6), UINT64_C(0x9fea7dfc79d452d9),
    UINT64_C(0x40b12b120085641c), UINT64_C(0xa192afe3157c85d0), UINT64_C(0xc847729f4e08f3a3),
    UINT64_C(0x6f1384a306c41fc2), UINT64_C(0x12d05c4045a39c19), UINT64_C(0x9899202fd20f0841),
    UINT64_C(0xe9c7191857e774b8), UINT64_C(0x4eead809af5b0cc3), UINT64_C(0xe809acafa23864a4),
    UINT64_C(0x4da1edaba1d0f7bd), UINT64_C(0x846eb9673349f8e4), UINT64_C(0x87bae55b86039fe8),
    UINT64_C(0x7f367b8bd953eff2), UINT64_C(0x3884700f650d04e1), UINT64_C(0xbfe4b2ab46980cad),
    UINT64_C(0xc5fc89075299106c), UINT64_C(0x37b2fa361adea7cd), UINT64_C(0x7d75d813f04895b4),
    UINT64_C(0x702f5b393f62c0e0), UINT64_C(0x0a3fc775f4ecf37f), UINT64_C(0xe4b23787a352437f),
    UINT64_C(0xf83fa245c34d6363), UINT64_C(0xb99bcf040786cf50), UINT64_C(0x38b6ea0a0e6c9d8a),
    UINT64_C(0x093fdc76776e37e1), UINT64_C(0x1a75e6f76ba7eee8), UINT64_C(0x442cdcfee9660c62),
    UINT64_C(0x22d58d35116b5e0b), UINT64_C(0x87d4a5180f6a3645), UINT64_C(0x589fb216bd82131b),
    UINT64_C(0x91d031cad319aec0), UINT64_C(0xabecf76a553d320b), UINT64_C(0xb8686cb347612dcf),
    UINT64_C(0xfcab66337c0a77f5), UINT64_C(0xac318214381ec437), UINT64_C(0x6eb7f0fca24494ae),
    UINT64_C(0xcf42861dcdc895a9), UINT64_C(0x4abad7a1586d7a91), UINT64_C(0xc21b318dc2f49745),
    UINT64_C(0xd49474dc2acbd1f0), UINT64_C(0xb1d4873747c1c8e1), UINT64_C(0x5434dc8c7d015bf6),
    UINT64_C(0xe1c486287511b6a9), UINT64_C(0xa8616df62e89a193), UINT64_C(0x31ce6319498d8347),
    UINT64_C(0xafd0b486123d6faa), UINT64_C(0xe6495f5d102301eb), UINT64_C(0x0dc51ced17a43c52),
    UINT64_C(0x8bcbcde81355ef2d), UINT64_C(0x2412af73fdee7cfc), UINT64_C(0xc8d589e486e29eed),
    UINT64_C(0x23390e8664517f89), UINT64_C(0x251ade58e8a6849d), UINT64_C(0xf8555dbd2e8f9cb0),
    UINT64_C(0xcb417c3eef54f7c3), UINT64_C(0x8028f8e1aac3a919), UINT64_C(0x10e31052acf748a0),
    UINT64_C(0x2d886c073b1e1b78), UINT64_C(0x972974d90df9faee), UINT64_C(0xbc1b7b38796893ba),
    UINT64_C(0x1958ed432070e652), UINT64_C(0xca5f297197a12dcc), UINT64_C(0xe025a27375704f28),
    UINT64_C(0x418010a570a924fb), UINT64_C(0x9828e2941bfc419c), UINT64_C(0x4fbacd2f52b85c1f),
    UINT64_C(0x33dd5b756211cc67), UINT64_C(0x23c8dfdd1db57ff0), UINT64_C(0x32f81801a1a8e901),
    UINT64_C(0x26884eac5ada36da), UINT64_C(0xcaa82f9bb42e37d4), UINT64_C(0x19fb1a7491d6a7d1),
    UINT64_C(0x5aa0243aa357f38e), UINT64_C(0xb31d917809e447f0), UINT64_C(0x3f9c197225215be0),
    UINT64_C(0xdc3c315a1e33c095), UINT64_C(0x3dd399ad533e80ac), UINT64_C(0x566f32cce8301d95),
    UINT64_C(0xc880188083d9ba21), UINT64_C(0xb9cc357f3b0e7d2e), UINT64_C(0x0237d2123a8a8d6c),
    UINT64_C(0xbf636e9aa7cbf6bd), UINT64_C(0xd7bd4284c4e2a6a7), UINT64_C(0xda2ebb47d50577a9),
    UINT64_C(0x90ba1c11b539087d), UINT64_C(0x44993d31552b4f57), UINT64_C(0x32c2d6f80a8a8898),
    UINT64_C(0x450583ed7fb54b19), UINT64_C(0xec2b0b09e50ef3ef), UINT64_C(0xd918a0b6e2efd65c),
    UINT64_C(0xe37a868d9785f572), UINT64_C(0x7d1a6118f2b0f37a), UINT64_C(0x9e2e3cc13b343439),
    UINT64_C(0xefd82c11212e37e8), UINT64_C(0xaf89c05cd4fc75ed), UINT64_C(0x55bc16bb9697108e),
    UINT64_C(0x6c4701fa5db69bee), UINT64_C(0x9237338441daf445), UINT64_C(0x248cf0831e81a5fc),
    UINT64_C(0xacc13557e77de273), UINT64_C(0x520970c25e06513a), UINT64_C(0x657329cb02987cab),
    UINT64_C(0xa9b0b3366a4e55a8), UINT64_C(0xc4d06ca2f39acdd4), UINT64_C(0x5dce37d68170cde1),
    UINT64_C(0x5f1e44e77e1854c9), UINT64_C(0x6883d452d55df899), UINT64_C(0x05c5bd62f1067032),
    UINT64_C(0xe680b683ce60fab0), UINT64_C(0x5dc9da3f286d18b1), UINT64_C(0x94b4bf3ab85ed6d8),
    UINT64_C(0xce65f449e3acc5a3), UINT64_C(0x34b0209642cea639), UINT64_C(0xc14c3c771d904827),
    UINT64_C(0x6addcee2bd9cdee5), UINT64_C(0xe24eed137ffbb613), UINT64_C(0x75dd58ef79963d1b),
    UINT64_C(0xfdb83ecf6cc24920), UINT64_C(0x7a1d0057c57169fb), UINT64_C(0x339200f4feb62d07),
    UINT64_C(0xd33f4d4ac88469f4), UINT64_C(0x8226f234e68dfee4), UINT64_C(0x320def4f2a105536),
    UINT64_C(0x7786f3b13aefc159), UINT64_C(0xb28225ac9df63ee2), UINT64_C(0x781b9d0376cc6044),
    UINT64_C(0x05bd0115226c6ab6), UINT64_C(0xd302230207bdfdab), UINT64_C(0xdb898abd8e0d2933),
    UINT64_C(0x9e79a397ba00b9cc), UINT64_C(0x89df84a5f0003ee8), UINT64_C(0x011f04f2a75fb9be),
    UINT64_C(0x5a5832bb47bcf19e),
}};

const struct fi_cdc_table *
fi_cdc_table_plain(void)
{
    return &plain_table;
}

static struct fi_cdc
cut_at(size_t size, uint64_t hash)
{
    DCHECK(size > 0 && size <= FI_CDC_SIZE_MAX);
    return (struct fi_cdc){.size = size, .is_major = (hash & MASK_MAJOR) == 0};
}

struct fi_cdc
fi_cdc_next(const struct fi_cdc_table *table, firn_slice data, bool is_all)
{
    CHECK(data.size > 0);
    const uint64_t *gear = table->gear;
    const uint8_t *bytes = data.data;
    size_t end = data.size < FI_CDC_SIZE_MAX ? data.size : FI_CDC_SIZE_MAX;
    size_t normal = end < FI_CDC_SIZE_NORMAL ? end : FI_CDC_SIZE_NORMAL;
    uint64_t hash = 0;
    size_t at = FI_CDC_SIZE_MIN - WARM_UP; /* (I1) */
    for (; at < FI_CDC_SIZE_MIN && at < end; at++) {
        hash = (hash << 1) + gear[bytes[at]];
    }
    for (; at < normal; at++) {
        hash = (hash << 1) + gear[bytes[at]];
        if ((hash & MASK_STRICT) == 0) {
            return cut_at(at + 1, hash);
        }
    }
    for (; at < end; at++) {
        hash = (hash << 1) + gear[bytes[at]];
        if ((hash & MASK_LOOSE) == 0) {
            return cut_at(at + 1, hash);
        }
    }
    if (end == FI_CDC_SIZE_MAX || is_all) {
        return cut_at(end, hash);
    }
    return (struct fi_cdc){0};
}
