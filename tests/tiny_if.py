"""A tiny DeepFloyd IF with random weights: the real classes, saved in the layout of the hub's cache."""

from pathlib import Path

import torch

REVISION = "0123456789abcdef0123456789abcdef01234567"
WORDS = ["a", "high", "quality", "photo", "of", "man", "dog", "rocket", "ship", "an", "oil", "painting"]
SIZE, WIDTH = 16, 32  # pixels; of the text
COSINE = {"beta_schedule": "squaredcos_cap_v2"}
LEARNED = COSINE | {"variance_type": "learned_range", "thresholding": True, "dynamic_thresholding_ratio": 0.95}


def unet(stage: int):
    """Stage 1: (3, 16, 16) -> 6 channels; stage 2: 6 channels, with a class label for the noise level."""
    from diffusers import UNet2DConditionModel

    torch.manual_seed(stage)
    extra = {"class_embed_type": "timestep", "mid_block_scale_factor": 1.414, "time_embedding_act_fn": "gelu"}
    return UNet2DConditionModel(
        sample_size=SIZE,
        layers_per_block=1,
        block_out_channels=[16],
        norm_num_groups=8,
        down_block_types=["SimpleCrossAttnDownBlock2D"],
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=["SimpleCrossAttnUpBlock2D"],
        in_channels=3 * stage,
        out_channels=6,
        cross_attention_dim=WIDTH,
        encoder_hid_dim=WIDTH,
        attention_head_dim=16,
        addition_embed_type="text",
        addition_embed_type_num_heads=2,
        cross_attention_norm="group_norm",
        resnet_time_scale_shift="scale_shift",
        act_fn="gelu",
        **(extra if stage == 2 else {}),
    ).eval()


def text_encoder():
    """A T5 encoder of two layers."""
    from transformers import T5Config, T5EncoderModel

    torch.manual_seed(3)
    config = T5Config(vocab_size=256, d_model=WIDTH, d_ff=37, d_kv=8, num_layers=2, num_heads=4)
    return T5EncoderModel(config).eval()


def tokenizer():
    """A T5 tokenizer of a few words and letters."""
    from transformers import T5Tokenizer

    pieces = [f"▁{word}" for word in WORDS] + list("abcdefghijklmnopqrstuvwxyz▁")
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -2.0), *((piece, -float(len(pieces))) for piece in pieces)]
    return T5Tokenizer(vocab=vocabulary, extra_ids=100, model_max_length=77)


def safety_checker():
    """The checker on a tiny CLIP."""
    from diffusers.pipelines.deepfloyd_if import IFSafetyChecker
    from transformers import CLIPConfig

    torch.manual_seed(4)
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = small | {"image_size": 16, "patch_size": 8, "projection_dim": 16}
    return IFSafetyChecker(CLIPConfig(text_config=small, vision_config=vision, projection_dim=16)).eval()


def watermarker():
    """An opaque orange square."""
    from diffusers.pipelines.deepfloyd_if.watermark import IFWatermarker

    mark = IFWatermarker()
    mark.watermark_image.copy_(torch.tensor([255.0, 128.0, 0.0, 255.0]).expand(62, 62, 4))
    return mark


def stage_one():
    """IFPipeline."""
    from diffusers import DDPMScheduler, IFPipeline
    from transformers import CLIPImageProcessor

    return IFPipeline(
        tokenizer=tokenizer(),
        text_encoder=text_encoder(),
        unet=unet(1),
        scheduler=DDPMScheduler(**LEARNED, sample_max_value=1.5),
        safety_checker=safety_checker(),
        feature_extractor=CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        watermarker=watermarker(),
    )


def stage_two(first):
    """IFSuperResolutionPipeline that shares the text encoder of stage I."""
    from diffusers import DDPMScheduler, IFSuperResolutionPipeline

    shared = {k: first.components[k] for k in ("tokenizer", "text_encoder", "safety_checker", "feature_extractor")}
    return IFSuperResolutionPipeline(
        **shared,
        unet=unet(2),
        scheduler=DDPMScheduler(**LEARNED, sample_max_value=1.0),
        image_noising_scheduler=DDPMScheduler(**COSINE),
        watermarker=None,
    )


def save(pipeline, cache: Path, repository: str) -> Path:
    """Save a pipeline as the hub's cache would hold that repository; returns the snapshot's folder."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    snapshot = folder / "snapshots" / REVISION
    pipeline.save_pretrained(snapshot)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(REVISION)
    return snapshot


def upscaler():
    """StableDiffusionUpscalePipeline; DDIM with the clean end at alpha_bar 1, where our samplers end."""
    from diffusers import (
        AutoencoderKL,
        DDIMScheduler,
        DDPMScheduler,
        StableDiffusionUpscalePipeline,
        UNet2DConditionModel,
    )
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(5)
    scaled = {"beta_schedule": "scaled_linear", "beta_start": 0.0001, "beta_end": 0.02, "clip_sample": False}
    text = CLIPTextConfig(
        vocab_size=256,
        hidden_size=WIDTH,
        intermediate_size=37,
        num_hidden_layers=1,
        num_attention_heads=4,
        eos_token_id=1,
    )
    down, up = ["DownBlock2D", "CrossAttnDownBlock2D"], ["CrossAttnUpBlock2D", "UpBlock2D"]
    return StableDiffusionUpscalePipeline(
        vae=AutoencoderKL(
            block_out_channels=[32, 32, 32],
            down_block_types=["DownEncoderBlock2D"] * 3,
            up_block_types=["UpDecoderBlock2D"] * 3,
            latent_channels=4,
            scaling_factor=0.08333,
        ).eval(),
        text_encoder=CLIPTextModel(text).eval(),
        tokenizer=tokenizer(),
        unet=UNet2DConditionModel(
            sample_size=16,
            block_out_channels=[32, 64],
            down_block_types=down,
            up_block_types=up,
            in_channels=7,
            out_channels=4,
            cross_attention_dim=WIDTH,
            attention_head_dim=8,
            num_class_embeds=1000,
            only_cross_attention=(True, False),
        ).eval(),
        low_res_scheduler=DDPMScheduler(**scaled),
        scheduler=DDIMScheduler(**scaled, prediction_type="v_prediction", set_alpha_to_one=True, steps_offset=1),
        max_noise_level=350,
    )
