"""Programs written by hand, whose bytes and FLOPs are counted by hand."""

import jax
import pytest

from experiments.plan import hlo, roofline
from experiments.plan.accelerators import ACCELERATORS

# A training loop as XLA compiles it for a GPU. A step takes 64 of 1,000 rows of bytes,
# multiplies them by a matrix, doubles the product five times, and writes a row into a
# table of 100 in place.
GPU = """HloModule jit_on_device, is_scheduled=true

%fused_gather (param_0: u8[1000,32], param_1: s32[64,1]) -> f32[64,32] {
  %param_0 = u8[1000,32]{1,0} parameter(0)
  %param_1 = s32[64,1]{1,0} parameter(1)
  %bitcast.7 = u8[1000,32]{1,0} bitcast(%param_0)
  %rows = u8[64,32]{1,0} gather(%bitcast.7, %param_1), offset_dims={1}
  ROOT %x = f32[64,32]{1,0} convert(%rows)
}

%gemm (parameter_0: f32[64,32], parameter_1: f32[32,16]) -> f32[64,16] {
  %parameter_0 = f32[64,32]{1,0} parameter(0)
  %parameter_1 = f32[32,16]{1,0} parameter(1)
  ROOT %dot.1 = f32[64,16]{1,0} dot(%parameter_0, %parameter_1), \
lhs_contracting_dims={1}, rhs_contracting_dims={0}, operand_precision={highest,highest}
}

%turn (t: (s32[], f32[64,16])) -> (s32[], f32[64,16]) {
  %t = (s32[], f32[64,16]{1,0}) parameter(0)
  %i = s32[] get-tuple-element(%t), index=0
  %h = f32[64,16]{1,0} get-tuple-element(%t), index=1
  %double = f32[64,16]{1,0} add(%h, %h)
  ROOT %t.1 = (s32[], f32[64,16]{1,0}) tuple(%i, %double)
}

%less (t.2: (s32[], f32[64,16])) -> pred[] {
  %t.2 = (s32[], f32[64,16]{1,0}) parameter(0)
  %i.1 = s32[] get-tuple-element(%t.2), index=0
  %five = s32[] constant(5)
  ROOT %lt = pred[] compare(%i.1, %five), direction=LT
}

%fused_update (param_0.1: f32[100,16], param_1.1: f32[1,16], param_2.1: s32[]) -> \
f32[100,16] {
  %param_0.1 = f32[100,16]{1,0} parameter(0)
  %param_1.1 = f32[1,16]{1,0} parameter(1)
  %param_2.1 = s32[] parameter(2)
  %zero = s32[] constant(0)
  ROOT %dus = f32[100,16]{1,0} dynamic-update-slice(%param_0.1, %param_1.1, \
%param_2.1, %zero)
}

%step (s: (s32[], s32[], u8[1000,32], s32[64,1], f32[32,16], /*index=5*/f32[100,16], \
f32[1,16])) -> (s32[], s32[]) {
  %s = (s32[], s32[], u8[1000,32]{1,0}, s32[64,1]{1,0}, f32[32,16]{1,0}, \
/*index=5*/f32[100,16]{1,0}, f32[1,16]{1,0}) parameter(0)
  %n = s32[] get-tuple-element(%s), index=0
  %all = u8[1000,32]{1,0} get-tuple-element(%s), index=2
  %index = s32[64,1]{1,0} get-tuple-element(%s), index=3
  %w = f32[32,16]{1,0} get-tuple-element(%s), index=4
  %table = f32[100,16]{1,0} get-tuple-element(%s), index=5
  %row = f32[1,16]{1,0} get-tuple-element(%s), index=6
  %loop_fusion = f32[64,32]{1,0} fusion(%all, %index), kind=kLoop, calls=%fused_gather
  %gemm_fusion = f32[64,16]{1,0} fusion(%loop_fusion, %w), kind=kCustom, calls=%gemm, \
backend_config={"fusion_backend_config":{"kind":"__triton_gemm"}}
  %start = (s32[], f32[64,16]{1,0}) tuple(%n, %gemm_fusion)
  %while.1 = (s32[], f32[64,16]{1,0}) while(%start), condition=%less, body=%turn, \
backend_config={"known_trip_count":{"n":"5"}}
  %update_fusion = f32[100,16]{1,0} fusion(%table, %row, %n), kind=kLoop, \
calls=%fused_update
  ROOT %s.1 = (s32[], s32[]) tuple(%n, %n)
}

%unfinished (s.2: (s32[], s32[])) -> pred[] {
  %s.2 = (s32[], s32[]) parameter(0)
  %done = s32[] get-tuple-element(%s.2), index=0
  %steps = s32[] get-tuple-element(%s.2), index=1
  ROOT %lt.1 = pred[] compare(%done, %steps), direction=LT
}

ENTRY %main (p: (s32[], s32[])) -> (s32[], s32[]) {
  %p = (s32[], s32[]) parameter(0)
  ROOT %while.2 = (s32[], s32[]) while(%p), condition=%unfinished, body=%step
}
"""
H100, V5E = ACCELERATORS["h100"], ACCELERATORS["v5e"]
GATHER = 64 * 32 + 64 * 4 + 64 * 32 * 4  # rows read, their indices, rows written
PRODUCT = 4 * (64 * 32 + 32 * 16 + 64 * 16)
DOUBLE = 4 * (64 * 16 + 64 * 16)
COMPARE = 4 + 4 + 1
UPDATE = 64 + 64 + 4  # row read, row written, index


def by_name(text, default="tf32"):
    return {k.name: k for k in roofline.kernels(hlo.parse(text), default)}


def test_the_bytes_of_a_kernel_are_those_that_it_reads_and_writes():
    counts = {name: kernel.bytes for name, kernel in by_name(GPU).items()}
    assert counts == {
        "loop_fusion": GATHER,
        "gemm_fusion": PRODUCT,
        "double": DOUBLE,
        "lt": COMPARE,
        "update_fusion": UPDATE,
    }


def test_the_body_of_a_loop_of_known_length_counts_once_per_iteration():
    times = {name: kernel.times for name, kernel in by_name(GPU).items()}
    assert times["double"] == times["lt"] == 5
    assert times["gemm_fusion"] == 1


def test_a_step_on_a_gpu_is_the_sum_of_its_kernels():
    step = roofline.step(hlo.parse(GPU), H100)
    assert step.kernels == 3 + 5 * 2
    assert step.bytes == GATHER + PRODUCT + 5 * (DOUBLE + COMPARE) + UPDATE
    assert step.flops == 2 * 64 * 32 * 16
    # The kernels are so small that moving their bytes takes longer than computing.
    assert step.seconds == pytest.approx(step.bytes / 3.352e12 + 13 * 2e-6)


@pytest.mark.parametrize(
    ("attribute", "precision"),
    [
        ("operand_precision={highest,highest}", "float32"),
        ("algorithm=dot_tf32_tf32_f32", "tf32"),
        ("algorithm=dot_bf16_bf16_f32", "bfloat16"),
        ("", "tf32"),
    ],
)
def test_the_peak_is_that_of_the_precision_of_a_product(attribute, precision):
    text = GPU.replace("operand_precision={highest,highest}", attribute)
    kernel = by_name(text)["gemm_fusion"]
    assert kernel.precision == precision
    large = kernel._replace(flops=1e15)
    seconds = 1e15 / H100.peaks[precision] + 2e-6
    assert roofline.seconds(large, H100) == pytest.approx(seconds)


def test_products_of_bfloat16_have_its_peak():
    text = GPU.replace("f32[64,32]", "bf16[64,32]").replace("f32[32,16]", "bf16[32,16]")
    assert by_name(text)["gemm_fusion"].precision == "bfloat16"
    assert by_name(text)["gemm_fusion"].bytes == 2 * (64 * 32 + 32 * 16) + 4 * 64 * 16


def test_collectives_are_listed_even_inside_inner_loops():
    assert roofline.collectives(hlo.parse(GPU)) == []
    text = GPU.replace("add(%h, %h)", "all-reduce-start(%h), to_apply=%less")
    assert roofline.collectives(hlo.parse(text)) == ["all-reduce"]


def test_a_program_without_a_loop_over_steps_is_refused():
    text = GPU.replace("while(%p), condition", "negate(%p), condition")
    with pytest.raises(ValueError, match="must have a loop whose number of steps"):
        roofline.step(hlo.parse(text), H100)


# A step as XLA compiles it for a TPU: a fusion reads what a copy put into chip memory.
TPU = """HloModule jit_on_device, is_scheduled=true

%inside (param_0: f32[8,128]) -> f32[8,128] {
  %param_0 = f32[8,128]{1,0:T(8,128)S(1)} parameter(0)
  ROOT %negate.1 = f32[8,128]{1,0:T(8,128)} negate(%param_0)
}

%turn (t: (s32[], f32[8,128])) -> (s32[], f32[8,128]) {
  %t = (s32[]{:T(128)}, f32[8,128]{1,0:T(8,128)S(1)}) parameter(0)
  %x.2 = f32[8,128]{1,0:T(8,128)S(1)} get-tuple-element(%t), index=1
  %n.2 = s32[]{:T(128)} get-tuple-element(%t), index=0
  %fusion.2 = f32[8,128]{1,0:T(8,128)} fusion(%x.2), kind=kLoop, calls=%inside, \
backend_config={"window_config":{"estimated_cycles":"1500"}}
  ROOT %t.1 = (s32[]{:T(128)}, f32[8,128]{1,0:T(8,128)}) tuple(%n.2, %fusion.2)
}

%less (t.2: (s32[], f32[8,128])) -> pred[] {
  %eight = s32[]{:T(128)} constant(8)
  %t.2 = (s32[]{:T(128)}, f32[8,128]{1,0:T(8,128)S(1)}) parameter(0)
  %n.3 = s32[]{:T(128)} get-tuple-element(%t.2), index=0
  ROOT %lt = pred[]{:T(512)} compare(%n.3, %eight), direction=LT
}

%step (s: (s32[], s32[], f32[8,128])) -> (s32[], s32[], f32[8,128]) {
  %s = (s32[]{:T(128)}, s32[]{:T(128)}, f32[8,128]{1,0:T(8,128)}) parameter(0)
  %n = s32[]{:T(128)} get-tuple-element(%s), index=0
  %x = f32[8,128]{1,0:T(8,128)} get-tuple-element(%s), index=2
  %copy-start = (f32[8,128]{1,0:T(8,128)S(1)}, f32[8,128]{1,0:T(8,128)}, u32[]{:S(2)}) \
copy-start(%x)
  %copy-done = f32[8,128]{1,0:T(8,128)S(1)} copy-done(%copy-start)
  %begin = (s32[]{:T(128)}, f32[8,128]{1,0:T(8,128)S(1)}) tuple(%n, %copy-done)
  %while.1 = (s32[]{:T(128)}, f32[8,128]{1,0:T(8,128)}) while(%begin), \
condition=%less, body=%turn
  ROOT %s.1 = (s32[]{:T(128)}, s32[]{:T(128)}, f32[8,128]{1,0:T(8,128)}) tuple(%n, %n, \
%x)
}

%unfinished (s.2: (s32[], s32[], f32[8,128])) -> pred[] {
  %s.2 = (s32[]{:T(128)}, s32[]{:T(128)}, f32[8,128]{1,0:T(8,128)}) parameter(0)
  %done = s32[]{:T(128)} get-tuple-element(%s.2), index=0
  %steps = s32[]{:T(128)} get-tuple-element(%s.2), index=1
  ROOT %lt.1 = pred[]{:T(512)} compare(%done, %steps), direction=LT
}

ENTRY %main (p: (s32[], s32[], f32[8,128])) -> (s32[], s32[], f32[8,128]) {
  %p = (s32[]{:T(128)}, s32[]{:T(128)}, f32[8,128]{1,0:T(8,128)}) parameter(0)
  ROOT %while.2 = (s32[]{:T(128)}, s32[]{:T(128)}, f32[8,128]{1,0:T(8,128)}) \
while(%p), condition=%unfinished, body=%step
}
"""


def test_bytes_in_chip_memory_do_not_count():
    counts = {name: kernel.bytes for name, kernel in by_name(TPU).items()}
    assert counts == {"copy-start": 4096, "fusion.2": 4096, "lt": COMPARE}


def test_a_step_on_a_tpu_takes_the_cycles_that_xla_estimates():
    step = roofline.step(hlo.parse(TPU), V5E)
    assert step.kernels == 1 + 8 + 8  # the condition gives the 8 iterations
    assert step.seconds == pytest.approx(8 * 1500 / 1.5e9)
    assert step.unestimated == 0


def test_a_step_on_a_tpu_takes_no_less_than_the_time_of_its_bytes():
    slow = V5E._replace(bandwidth=1e6)
    step = roofline.step(hlo.parse(TPU), slow)
    assert step.bytes == 4096 + 8 * (4096 + COMPARE)
    assert step.seconds == step.bytes / 1e6


def test_kernels_without_an_estimate_are_counted():
    text = TPU.replace('"estimated_cycles":"1500"', "")
    assert roofline.step(hlo.parse(text), V5E).unestimated == 8


def loop_of(*lines):
    """A program whose step has these instructions."""
    inside = "\n".join(f"  {line}" for line in lines)
    return f"""HloModule m

%step (s: (s32[], s32[])) -> (s32[], s32[]) {{
  %s = (s32[], s32[]) parameter(0)
{inside}
  ROOT %same = (s32[], s32[]) tuple(%s, %s)
}}

%unfinished (s.2: (s32[], s32[])) -> pred[] {{
  %s.2 = (s32[], s32[]) parameter(0)
  %done = s32[] get-tuple-element(%s.2), index=0
  %steps = s32[] get-tuple-element(%s.2), index=1
  ROOT %lt = pred[] compare(%done, %steps), direction=LT
}}

ENTRY %main (p: (s32[], s32[])) -> (s32[], s32[]) {{
  %p = (s32[], s32[]) parameter(0)
  ROOT %while = (s32[], s32[]) while(%p), condition=%unfinished, body=%step
}}
"""


IMAGES = "%x = f32[7,64,64,3]{3,2,1,0} parameter(1)"
KERNEL = "%k = f32[4,4,3,32]{3,2,1,0} parameter(2)"
HALF = "%y = f32[7,32,32,32]{3,2,1,0} parameter(3)"
WINDOW = "window={size=4x4 stride=2x2 pad=1_1x1_1}"
LABELS = "dim_labels=b01f_01io->b01f"
# Of 32 outputs × 4 taps per axis, the first and the last output each miss one pixel.
LAYER = 2 * (32 * 4 - 2) ** 2 * 7 * 3 * 32


@pytest.mark.parametrize(
    "line",
    [
        f"%c = f32[7,32,32,32] convolution(%x, %k), {WINDOW}, {LABELS}",
        # The derivative by the image is a convolution of an image with gaps.
        "%c = f32[7,64,64,3] convolution(%y, %k), "
        "window={size=4x4 pad=2_2x2_2 lhs_dilate=2x2}, dim_labels=b01f_01oi->b01f",
        # The derivative by the kernel has a window as large as an image.
        "%c = f32[4,4,3,32] convolution(%x, %y), "
        "window={size=32x32 pad=1_1x1_1 rhs_dilate=2x2}, dim_labels=f01b_i01o->01bf",
        "%c = (f32[7,32,32,32], u8[0]) custom-call(%x, %k), "
        f'{WINDOW}, {LABELS}, custom_call_target="__cudnn$convForward"',
        "%c = (f32[7,64,64,3], u8[0]) custom-call(%y, %k), "
        f'{WINDOW}, {LABELS}, custom_call_target="__cudnn$convBackwardInput"',
        "%c = (f32[4,4,3,32], u8[0]) custom-call(%x, %y), "
        f'{WINDOW}, {LABELS}, custom_call_target="__cudnn$convBackwardFilter"',
    ],
)
def test_a_convolution_and_its_derivatives_have_the_same_flops(line):
    kernel = by_name(loop_of(IMAGES, KERNEL, HALF, line))["c"]
    assert kernel.flops == LAYER
    assert bool(kernel.library) == ("__cudnn" in line)


def test_groups_of_a_convolution_divide_its_flops():
    line = "%c = f32[7,32,32,32] convolution(%x, %k), feature_group_count=3, "
    kernel = "%k = f32[4,4,1,32]{3,2,1,0} parameter(2)"
    kernels = by_name(loop_of(IMAGES, kernel, f"{line}{WINDOW}, {LABELS}"))
    assert kernels["c"].flops == LAYER / 3


def test_products_that_a_tpu_writes_as_a_convolution_have_the_flops_of_the_products():
    lines = ["%a = f32[8,64,32] parameter(1)", "%b = f32[8,32,16] parameter(2)"]
    lines += [
        "%c = f32[8,64,16] convolution(%a, %b), "
        "window={size=8 stride=7 lhs_dilate=8}, dim_labels=0bf_0io->0bf"
    ]
    assert by_name(loop_of(*lines))["c"].flops == 8 * 2 * 64 * 32 * 16


def test_a_call_of_cublas_has_the_flops_of_its_product_and_counts_as_a_library():
    lines = ["%a = f32[8,64,32] parameter(1)", "%b = f32[8,32,16] parameter(2)"]
    lines += [
        '%c = (f32[8,64,16], s8[1024]) custom-call(%a, %b), custom_call_target="'
        '__cublas$gemm", backend_config={"gemm_backend_config":{'
        '"dot_dimension_numbers":{"lhs_contracting_dimensions":["2"],'
        '"rhs_contracting_dimensions":["1"]},"precision_config":{'
        '"operand_precision":["HIGHEST","HIGHEST"]}}}'
    ]
    kernel = by_name(loop_of(*lines))["c"]
    assert kernel.flops == 8 * 2 * 64 * 32 * 16
    assert kernel.library == "__cublas$gemm"
    assert kernel.precision == "float32"


def test_the_larger_branch_of_a_conditional_counts():
    text = loop_of(
        "%w = s32[] parameter(1)",
        "%x = f32[4,4] parameter(2)",
        "%c = f32[4,4] conditional(%w, %x, %x), branch_computations={%small, %large}",
    )
    branch = (
        "\n%{0} (q{0}: f32[4,4]) -> f32[4,4] {{\n  %q{0} = f32[4,4] parameter(0)\n"
        "{1}  ROOT %r{0} = f32[4,4] negate(%q{0})\n}}\n"
    )
    text += branch.format("small", "")
    text += branch.format("large", "  %more = f32[4,4] sine(%qlarge)\n")
    assert set(by_name(text)) == {"more", "rlarge"}


def test_a_program_of_this_version_of_jax_can_be_read():
    @jax.jit
    def advance(x, w, steps):
        return jax.lax.fori_loop(0, steps, lambda _, x: jax.numpy.sin(x @ w) + x, x)

    x, w = jax.numpy.ones((8, 16)), jax.numpy.ones((16, 16))
    module = hlo.parse(advance.lower(x, w, 3).compile().as_text())
    assert module.entry in module.computations
    step = roofline.step(module, H100)
    # The loop moves at least x twice and w once.
    assert step.bytes >= 4 * (2 * 8 * 16 + 16 * 16)
