"""Networks of torchvision, timm and transformers for ``networks.py``: from their configuration, with random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

Network = tuple[str, str, Callable[[], nn.Module], tuple[Any, ...], dict[str, Any]]
"""Package, name, builder, positional and keyword arguments of a call."""

TORCHVISION = [
    "alexnet",
    "vgg11_bn",
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "wide_resnet50_2",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "shufflenet_v2_x1_0",
    "squeezenet1_1",
    "densenet121",
    "googlenet",
    "inception_v3",
    "mnasnet0_5",
    "efficientnet_b0",
    "regnet_y_400mf",
    "convnext_tiny",
    "vit_b_32",
    "swin_t",
    "swin_v2_t",
    "maxvit_t",
]
SEGMENTATION = ("deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large", "fcn_resnet50")
TIMM = [
    "resnet10t",
    "mobilenetv3_small_050",
    "mobilenetv4_conv_small",
    "efficientvit_b0",
    "levit_128s",
    "mobilevit_xxs",
    "deit_tiny_patch16_224",
    "mixer_s32_224",
    "poolformer_s12",
    "ghostnet_050",
    "repvgg_a0",
    "tiny_vit_5m_224",
    "edgenext_xx_small",
    "fastvit_t8",
    "xcit_nano_12_p16_224",
    "convmixer_768_32",
    "hrnet_w18_small",
    "dla34",
    "botnet26t_256",
    "coat_tiny",
]
HELD_OUT = [
    "cait_xxs24_224",
    "pvt_v2_b0",
    "crossvit_tiny_240",
    "nfnet_l0",
    "resnest14d",
    "seresnet50",
    "rexnet_100",
    "gcresnet33ts",
    "lambda_resnet26t",
    "halonet26t",
    "volo_d1_224",
    "pit_ti_224",
    "twins_pcpvt_small",
    "visformer_tiny",
    "sequencer2d_s",
    "efficientformer_l1",
    "nest_tiny",
    "focalnet_tiny_srf",
    "davit_tiny",
    "mvitv2_tiny",
    "inception_next_tiny",
    "vovnet39a",
    "selecsls42b",
    "hardcorenas_a",
    "tinynet_e",
]
"""Networks of timm that nothing was tried on while the capture was written."""


FIXED = (
    "224",
    "240",
    "vit",
    "levit",
    "mixer",
    "xcit",
    "botnet",
    "halonet",
    "lambda",
    "coat",
    "nest",
    "davit",
    "visformer",
    "efficientformer",
    "mvitv2",
)
"""Parts of the names of networks that take images of one size only; the others are tried on smaller ones."""


def networks(which: str) -> Iterator[Network]:
    """Yield the networks of one package, or those that were held out."""
    yield from {"torchvision": _torchvision, "timm": _timm, "transformers": _transformers, "held-out": _held_out}[
        which
    ]()


def _image(side: int) -> tuple[torch.Tensor, ...]:
    return (torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0)),)


def _import_torchvision() -> Any:
    # Its plain wheel wants CUDA's libraries; without them these two operations are missing, which no network here runs.
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{name}", schema)
    import torchvision

    return torchvision.models


def _torchvision() -> Iterator[Network]:
    models = _import_torchvision()
    sides = {"inception_v3": 96, "maxvit_t": 224, "vit_b_32": 224}
    for name in TORCHVISION:
        more = {"init_weights": False, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
        build = getattr(models, name)
        yield (
            "torchvision",
            name,
            lambda build=build, more=more: build(weights=None, **more),
            _image(sides.get(name, 64)),
            {},
        )
    for name in SEGMENTATION:
        build = getattr(models.segmentation, name)
        yield "torchvision", name, lambda build=build: build(weights=None, weights_backbone=None), _image(64), {}
    clip = (torch.randn(1, 3, 8, 56, 56),)
    yield "torchvision", "r3d_18", lambda: models.video.r3d_18(weights=None), clip, {}
    ssd = models.detection.ssdlite320_mobilenet_v3_large
    yield "torchvision", "ssdlite", lambda: ssd(weights=None, weights_backbone=None), ([_image(64)[0][0]],), {}


def _timm_named(names: list[str]) -> Iterator[Network]:
    _import_torchvision()
    import timm

    for name in names:
        size = timm.get_pretrained_cfg(name).input_size[-1]
        side = size if any(part in name for part in FIXED) else min(size, 128)
        yield "timm", name, lambda name=name: timm.create_model(name, pretrained=False), _image(side), {}


def _timm() -> Iterator[Network]:
    yield from _timm_named(TIMM)


def _held_out() -> Iterator[Network]:
    yield from (("held out", *network[1:]) for network in _timm_named(HELD_OUT))


def _transformers() -> Iterator[Network]:
    _import_torchvision()
    import transformers as hf

    tokens = (torch.randint(3, 90, (1, 8), generator=torch.Generator().manual_seed(0)),)
    pixels = {"pixel_values": _image(32)[0]}
    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    text = small | {"vocab_size": 99, "max_position_embeddings": 64}
    causal = text | {"num_key_value_heads": 2, "use_cache": False}
    gpt = {"n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 99, "n_positions": 64, "use_cache": False}
    t5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "vocab_size": 99, "use_cache": False}
    vision = small | {"image_size": 32, "patch_size": 8}
    heads = {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}
    whisper = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "vocab_size": 99, "num_mel_bins": 8} | heads
    whisper |= {"max_source_positions": 16, "use_cache": False, "pad_token_id": 0, "decoder_start_token_id": 1}
    mask = {"attention_mask": torch.ones(1, 8, dtype=torch.long)}
    entries: list[tuple[str, Any, Any, tuple[Any, ...], dict[str, Any]]] = [
        ("gpt2", hf.GPT2LMHeadModel, hf.GPT2Config(**gpt), tokens, {}),
        ("gpt2_eager", hf.GPT2LMHeadModel, hf.GPT2Config(**gpt, attn_implementation="eager"), tokens, {}),
        ("gpt2_cache", hf.GPT2LMHeadModel, hf.GPT2Config(**gpt | {"use_cache": True}), tokens, {}),
        ("gpt2_mask", hf.GPT2LMHeadModel, hf.GPT2Config(**gpt), tokens, mask),
        ("llama", hf.LlamaForCausalLM, hf.LlamaConfig(**causal), tokens, {}),
        ("mistral", hf.MistralForCausalLM, hf.MistralConfig(**causal), tokens, {}),
        ("qwen2", hf.Qwen2ForCausalLM, hf.Qwen2Config(**causal), tokens, {}),
        ("gemma2", hf.Gemma2ForCausalLM, hf.Gemma2Config(**causal, head_dim=8), tokens, {}),
        ("phi3", hf.Phi3ForCausalLM, hf.Phi3Config(**causal, pad_token_id=0), tokens, {}),
        (
            "mixtral",
            hf.MixtralForCausalLM,
            hf.MixtralConfig(**causal, num_local_experts=4, experts_implementation="batched_mm"),
            tokens,
            {},
        ),
        (
            "mamba",
            hf.MambaForCausalLM,
            hf.MambaConfig(hidden_size=32, num_hidden_layers=2, vocab_size=99, state_size=4, use_cache=False),
            tokens,
            {},
        ),
        ("bert", hf.BertModel, hf.BertConfig(**text), tokens, mask),
        ("roberta", hf.RobertaModel, hf.RobertaConfig(**text), tokens, {}),
        ("electra", hf.ElectraModel, hf.ElectraConfig(**text), tokens, {}),
        (
            "distilbert",
            hf.DistilBertModel,
            hf.DistilBertConfig(dim=32, n_layers=2, n_heads=4, hidden_dim=64, vocab_size=99),
            tokens,
            {},
        ),
        (
            "t5",
            hf.T5ForConditionalGeneration,
            hf.T5Config(**t5),
            (),
            {"input_ids": tokens[0], "decoder_input_ids": tokens[0]},
        ),
        ("vit", hf.ViTModel, hf.ViTConfig(**vision), (), pixels),
        ("deit", hf.DeiTModel, hf.DeiTConfig(**vision), (), pixels),
        ("dinov2", hf.Dinov2Model, hf.Dinov2Config(**vision), (), pixels),
        (
            "whisper",
            hf.WhisperForConditionalGeneration,
            hf.WhisperConfig(**whisper),
            (),
            {"input_features": torch.randn(1, 8, 32), "decoder_input_ids": tokens[0]},
        ),
        (
            "wav2vec2",
            hf.Wav2Vec2Model,
            hf.Wav2Vec2Config(
                **small, conv_dim=(16, 16), conv_stride=(5, 2), conv_kernel=(10, 3), num_conv_pos_embeddings=8
            ),
            (torch.randn(1, 400),),
            {},
        ),
        (
            "clip",
            hf.CLIPModel,
            hf.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16),
            (),
            {"input_ids": tokens[0]} | pixels,
        ),
        ("segformer", hf.SegformerForSemanticSegmentation, hf.SegformerConfig(), (), {"pixel_values": _image(64)[0]}),
    ]
    for name, model, config, args, kwargs in entries:
        yield "transformers", name, lambda model=model, config=config: model(config), args, kwargs
