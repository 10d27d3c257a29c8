"""Models as transformers loads them, and back: equal logits in fp32; what has no counterpart is named."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import training_runs
import transformers
from hand_made_tokens import write_tokens
from safetensors.torch import load_file, save_file
from token_corpora import example_tokenizer, other_tokenizer, sentencepiece_model
from tokenizer_files import trained
from torch import Tensor

from dataprep import manifest
from dataprep.cli.main import dataprep as commands
from dataprep.corpus.reader import open_reader
from dataprep.errors import InputError, UsageError
from dataprep.store import Store
from dataprep.tokenizers import load
from dataprep.training import record
from dataprep.training.checkpoint import Checkpoints, tensors
from dataprep.training.evaluate import held_out, losses
from dataprep.training.export import Exported, export, export_run
from dataprep.training.hf import shapes
from dataprep.training.import_ import import_model, load_imported
from dataprep.training.loop import pretrain
from dataprep.training.model.config import ModelConfig
from dataprep.training.model.transformer import Transformer
from dataprep.training.run import open_run
from dataprep.training.token_bytes import token_bytes

SIZES: dict[str, Any] = {"vocab_size": 128, "context": 48, "layers": 2, "width": 32, "heads": 4}
LAYER_NORM = {"norm": "layer_norm", "attention_bias": True, "output_bias": True}
GPT2 = {**LAYER_NORM, "position": "learned", "activation": "gelu_tanh", "tied_head": True}
OPT = {**GPT2, "activation": "relu"}
BLOOM = {**GPT2, "position": "alibi", "embedding_norm": True}
ROPE = {"factor": 4.0, "original_context": 12}
FIT = {
    "llama": ("LlamaForCausalLM", {}),
    "llama, grouped queries, tied, biases, other theta": (
        "LlamaForCausalLM",
        {
            "kv_heads": 2,
            "tied_head": True,
            "attention_bias": True,
            "output_bias": True,
            "rope_theta": 500_000.0,
            "norm_eps": 1e-6,
        },
    ),
    "llama, one key head, wide heads": ("LlamaForCausalLM", {"kv_heads": 1, "head_width": 16, "ffn_width": 40}),
    "llama, linear": ("LlamaForCausalLM", {"rope_scaling": {"kind": "linear", **ROPE}}),
    "llama, ntk": ("LlamaForCausalLM", {"rope_scaling": {"kind": "ntk", **ROPE}}),
    "llama, llama3": ("LlamaForCausalLM", {"rope_scaling": {"kind": "llama3", **ROPE}}),
    "llama, yarn": ("LlamaForCausalLM", {"rope_scaling": {"kind": "yarn", "high_frequency": 32.0, **ROPE}}),
    "gpt2": ("GPT2LMHeadModel", GPT2),
    "gpt2, untied, narrow": (
        "GPT2LMHeadModel",
        {**GPT2, "tied_head": False, "activation": "gelu", "ffn_width": 48, "norm_eps": 1e-6},
    ),
    "gpt2, relu with another eps": ("GPT2LMHeadModel", {**GPT2, "activation": "relu", "norm_eps": 1e-6}),
    "bloom": ("BloomForCausalLM", BLOOM),
    "bloom, heads that are no power of two, untied": (
        "BloomForCausalLM",
        {**BLOOM, "width": 48, "heads": 6, "tied_head": False},
    ),
    "opt": ("OPTForCausalLM", OPT),
    "opt, untied, no biases": (
        "OPTForCausalLM",
        {**OPT, "tied_head": False, "attention_bias": False, "output_bias": False, "activation": "gelu"},
    ),
    "opt 350m": ("OPTForCausalLM", {**OPT, "norm_placement": "post", "embedding_width": 16}),
    "opt 350m, untied": (
        "OPTForCausalLM",
        {**OPT, "norm_placement": "post", "embedding_width": 16, "tied_head": False},
    ),
}


def model_of(changes: dict[str, Any]) -> Transformer:
    """A model with weights that all matter: biases and norms too are random, and matrices are large."""
    model = Transformer(ModelConfig.model_validate(SIZES | changes)).eval()
    model.init_weights(0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.15 * torch.randn(parameter.shape, generator=generator)
    return model


def tokens(config: ModelConfig) -> Tensor:
    return torch.randint(config.vocab_size, (2, config.context), generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def logits(model: Any, of: Tensor) -> Tensor:
    made = model(of)
    return made if isinstance(made, Tensor) else made.logits


def theirs(folder: Path, **how: Any) -> Any:
    found, told = transformers.AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True, **how)
    assert not any(told.values()), told
    return found.eval()


def written(model: Transformer, folder: Path, **how: Any) -> Exported:
    return export(model.config, model.state_dict(), folder, **how)


# ---------------------------------------------------------------- out


@pytest.mark.parametrize("name", FIT)
def test_logits_are_equal(name: str, tmp_path: Path) -> None:
    architecture, changes = FIT[name]
    model = model_of(changes)
    made = written(model, tmp_path / "out")
    assert made.architecture == architecture
    other = theirs(tmp_path / "out", dtype=torch.float32)
    assert type(other).__name__ == architecture
    of = tokens(model.config)
    ours = logits(model, of)
    assert ours.std() > 0.3
    torch.testing.assert_close(logits(other, of), ours, atol=1e-4, rtol=0)

    # And back again: the same model, whatever it was called.
    import_model(tmp_path / "out", tmp_path / "back")
    config, state = load_imported(tmp_path / "back")
    back = Transformer(config).eval()
    back.load_state_dict(state)
    torch.testing.assert_close(logits(back, of), ours, atol=1e-5, rtol=0)
    assert manifest.verify(str(tmp_path / "back")) == []


def test_old_transformers_finds_theta_where_it_looks(tmp_path: Path) -> None:
    """Version 4 reads `rope_theta` and `rope_scaling`, version 5 `rope_parameters`."""
    written(model_of({"rope_theta": 5e5, "rope_scaling": {"kind": "llama3", **ROPE}}), tmp_path / "out")
    said = json.loads((tmp_path / "out/config.json").read_text())
    assert said["rope_theta"] == said["rope_parameters"]["rope_theta"] == 5e5
    assert said["rope_scaling"] == {
        "rope_type": "llama3",
        "factor": 4.0,
        "original_max_position_embeddings": 12,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
    }


def test_bf16_and_files_of_bounded_size(tmp_path: Path) -> None:
    model = model_of({})
    made = written(model, tmp_path / "out", dtype="bf16", limit=20_000)
    parts = sorted((tmp_path / "out").glob("model-*.safetensors"))
    assert len(parts) > 2
    assert {"model.safetensors.index.json", parts[0].name} <= set(made.files)
    assert all(path.stat().st_size < 24_000 for path in parts)
    held = {name: tensor for path in parts for name, tensor in load_file(path).items()}
    assert {tensor.dtype for tensor in held.values()} == {torch.bfloat16}
    assert torch.equal(held["model.norm.weight"], model.state_dict()["norm.weight"].bfloat16())
    other = theirs(tmp_path / "out")
    assert other.dtype == torch.bfloat16
    assert set(other.state_dict()) == set(held)
    import_model(tmp_path / "out", tmp_path / "back", limit=20_000)
    _, state = load_imported(tmp_path / "back")
    assert all(torch.equal(state[name], tensor.bfloat16().float()) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"window": 128}, "window: 128 has no counterpart in LlamaForCausalLM, .*; it needs window: null"),
        ({"qk_norm": True}, "qk_norm: true has no counterpart in LlamaForCausalLM"),
        ({"head_bias": True}, "head_bias: true has no counterpart in LlamaForCausalLM"),
        ({"norm_placement": "sandwich"}, "norm_placement: sandwich has no counterpart in LlamaForCausalLM"),
        (
            {"attention_bias": True},
            "output_bias: false has no counterpart in LlamaForCausalLM.*needs output_bias: true",
        ),
        ({"width": 36, "heads": 5, "head_width": 8}, "heads: 5 has no counterpart.*it needs heads: a divisor of 36"),
        ({"activation": "geglu", "window": 8}, "window: 8, activation: geglu have no counterpart in LlamaForCausalLM"),
        ({**GPT2, "kv_heads": 2}, "kv_heads: 2 has no counterpart in GPT2LMHeadModel.*it needs kv_heads: 4"),
        ({**GPT2, "norm_bias": False}, "norm_bias: false has no counterpart in GPT2LMHeadModel"),
        ({**GPT2, "embedding_norm": True}, "embedding_norm: true has no counterpart in GPT2LMHeadModel"),
        ({**BLOOM, "ffn_width": 64}, "ffn_width: 64 has no counterpart in BloomForCausalLM.*it needs ffn_width: 128"),
        ({**BLOOM, "activation": "gelu"}, "activation: gelu has no counterpart in BloomForCausalLM"),
        ({**OPT, "norm_placement": "post", "norm_eps": 1e-6}, "norm_eps: 1e-06 has no counterpart in OPTForCausalLM"),
        ({**GPT2, "position": "t5"}, "position: t5 has no counterpart in GPT2LMHeadModel"),
        ({**GPT2, "position": "sinusoidal"}, "position: sinusoidal has no counterpart"),
    ],
)
def test_what_has_no_counterpart_is_named(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    config = ModelConfig.model_validate(SIZES | changes)
    with pytest.raises(UsageError, match=said) as caught:
        export(config, {}, tmp_path / "out")  # before it looks at weights
    assert "\n" not in str(caught.value)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    model = model_of({})
    (tmp_path / "out").mkdir()
    written(model, tmp_path / "out")  # empty: fine
    with pytest.raises(UsageError, match="out: exists and is not an empty folder"):
        written(model, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file: exists"):
        written(model, tmp_path / "file")
    state = model.state_dict()
    del state["norm.weight"], state["blocks.0.attention.key.weight"]
    with pytest.raises(KeyError):
        export(model.config.changed(position="learned", **LAYER_NORM, activation="gelu"), state, tmp_path / "torn")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out"]


# ---------------------------------------------------------------- tokenizers

TEXTS = ["The quick brown fox.", " 敏捷的棕色狐狸  跳过了懒狗。\n\n\tx", "naïve 😀 12345"]


@pytest.mark.parametrize("kind", ["sentencepiece", "byte-bpe", "hf"])
def test_tokenizers_give_the_same_ids(kind: str, tmp_path: Path) -> None:
    """As `train-tokenizer` makes them, of either kind; and of the tokenizers library."""
    made_by: dict[str, Callable[[], Path]] = {
        "sentencepiece": example_tokenizer,
        "byte-bpe": lambda: trained(tmp_path, "byte-bpe"),
        "hf": lambda: other_tokenizer(tmp_path / "hf", "hf"),
    }
    tokenizer = load(made_by[kind]())
    special = {"bos": tokenizer.bos, "eos": tokenizer.eos, "pad": tokenizer.pad}
    model = model_of({"vocab_size": -(-tokenizer.vocab_size // 64) * 64})
    made = written(model, tmp_path / "out", tokenizer_of=tokenizer, special=special)
    assert {"tokenizer.json", "tokenizer_config.json"} <= set(made.files)
    assert ("tokenizer.model" in made.files) == (kind == "sentencepiece")
    other = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    for text in TEXTS:
        assert other(text, add_special_tokens=False).input_ids == tokenizer.encode_one(text), text
        assert other.decode(tokenizer.encode_one(text)) == text
    assert (other.bos_token_id, other.eos_token_id, other.pad_token_id) == tuple(special.values())
    said = json.loads((tmp_path / "out/config.json").read_text())
    assert {role: said[f"{role}_token_id"] for role in special} == special
    found = theirs(tmp_path / "out")
    assert found.generation_config.eos_token_id == tokenizer.eos

    import_model(tmp_path / "out", tmp_path / "back")
    assert load(tmp_path / "back/tokenizer").encode_one(TEXTS[1]) == tokenizer.encode_one(TEXTS[1])


def test_a_tokenizer_that_is_not_converted_is_said_to_be_alone(tmp_path: Path) -> None:
    options = {"model_type": "unigram", "hard_vocab_limit": False}
    unigram = load(sentencepiece_model(tmp_path / "some.model", **options))
    made = written(model_of({"vocab_size": 640}), tmp_path / "out", tokenizer_of=unigram)
    assert made.tokenizer == (
        "tokenizer.model alone, no tokenizer.json: only BPE with byte fallback is converted; load it with sentencepiece"
    )
    assert "tokenizer.model" in made.files
    assert "tokenizer.json" not in made.files
    ranks = load(other_tokenizer(tmp_path / "ranks", "tiktoken"))
    made = written(model_of({"vocab_size": 320}), tmp_path / "other", tokenizer_of=ranks)
    assert {"bytes.tiktoken", "bytes.yaml"} <= set(made.files)


# ---------------------------------------------------------------- in

TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": (
        "Llama",
        {
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "yarn", "factor": 3.0, "rope_theta": 2e4},
            "attention_dropout": 0.1,
            "intermediate_size": 40,
        },
    ),
    "llama, wide heads": ("Llama", {"head_dim": 16, "hidden_act": "silu", "tie_word_embeddings": True}),
    "gpt2": ("GPT2", {}),
    "bloom": ("Bloom", {"n_head": 4}),
    "opt": ("OPT", {"ffn_dim": 48}),
    "opt 350m": ("OPT", {"do_layer_norm_before": False, "word_embed_proj_dim": 16, "tie_word_embeddings": False}),
}


def theirs_tiny(name: str, **more: Any) -> Any:
    cls, changes = TINY[name]
    sizes = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    if cls != "Bloom":
        sizes["max_position_embeddings"] = 40
    config = getattr(transformers, f"{cls}Config")(**{**sizes, **changes, **more, "bos_token_id": 1, "eos_token_id": 2})
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.15 * torch.randn(parameter.shape)
    return model


@pytest.mark.parametrize("name", TINY)
def test_a_model_of_theirs_comes_in_and_goes_out_again(name: str, tmp_path: Path) -> None:
    model = theirs_tiny(name)
    model.save_pretrained(tmp_path / "theirs", max_shard_size="20KB")
    assert (tmp_path / "theirs/model.safetensors.index.json").exists()
    config, architecture = import_model(tmp_path / "theirs", tmp_path / "in")
    assert architecture == type(model).__name__
    again, state = load_imported(tmp_path / "in")
    assert again == config
    ours = Transformer(config).eval()
    ours.load_state_dict(state)
    of = torch.randint(96, (2, 40), generator=torch.Generator().manual_seed(3))
    expected = logits(model, of)
    assert expected.std() > 0.3
    torch.testing.assert_close(logits(ours, of), expected, atol=1e-4, rtol=0)
    made = written(ours, tmp_path / "out")
    assert made.architecture == architecture
    torch.testing.assert_close(logits(theirs(tmp_path / "out"), of), expected, atol=1e-4, rtol=0)


def test_training_goes_on_from_a_model_of_theirs(tmp_path: Path) -> None:
    model = theirs_tiny("llama, wide heads", vocab_size=512, max_position_embeddings=16)
    model.save_pretrained(tmp_path / "theirs")
    config, _ = import_model(tmp_path / "theirs", tmp_path / "in")
    path = training_runs.write_settings(
        tmp_path, training_runs.write_mix(tmp_path), model=config.model_dump(), init_from=str(tmp_path / "in")
    )
    settings = training_runs.load(path)
    pretrain(settings, device="cpu", until=1)
    batch = open_reader(settings.mix).batch(0)
    tokens, counted = torch.from_numpy(batch["tokens"]).long(), torch.from_numpy(batch["loss"])
    nll = torch.nn.functional.cross_entropy(
        logits(model, tokens[:, :-1]).transpose(1, 2), tokens[:, 1:], reduction="none"
    )
    found = training_runs.logged(tmp_path / "run")[0]["loss"]
    assert found == pytest.approx(float(nll[counted].mean()), rel=1e-5)


def test_rotary_settings_of_version_4(tmp_path: Path) -> None:
    """Before `rope_parameters` there were `rope_theta` and `rope_scaling`, with `type` and later `rope_type`."""
    said = {"model_type": "llama", "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 1}
    said |= {"num_attention_heads": 4, "rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}}
    config, _ = shapes.read_config(said, "config.json")
    assert config.rope_theta == 5e5
    assert config.rope_scaling is not None
    assert (config.rope_scaling.kind, config.rope_scaling.factor) == ("linear", 2.0)
    assert not config.tied_head


def test_weights_saved_without_the_head_and_with_buffers(tmp_path: Path) -> None:
    """As the first GPT-2 is published: no prefix, a mask beside the weights."""
    model = theirs_tiny("gpt2")
    model.transformer.save_pretrained(tmp_path / "theirs")
    path = tmp_path / "theirs/model.safetensors"
    save_file(load_file(path) | {"h.0.attn.bias": torch.ones(1, 1, 40, 40)}, path)
    config, _ = import_model(tmp_path / "theirs", tmp_path / "in")
    ours = Transformer(config).eval()
    ours.load_state_dict(load_imported(tmp_path / "in")[1])
    of = torch.arange(30)[None]
    torch.testing.assert_close(logits(ours, of), logits(model, of), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("llama", {"model_type": "mamba"}, "model_type 'mamba' can't be imported; known: bloom, gpt2, llama, opt"),
        ("llama", {"hidden_act": "gelu"}, "hidden_act: gelu can't be imported; only silu or swish can"),
        ("llama", {"attention_bias": True}, "attention_bias: true with mlp_bias: false can't be imported"),
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0}}, "rope_type: dynamic can't be imported"),
        ("llama", {"quantization_config": {"bits": 4}}, "quantization_config: quantised weights can't be imported"),
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx: true can't be imported"),
        ("gpt2", {"activation_function": "tanh"}, "activation_function: tanh can't be imported"),
        ("bloom", {"apply_residual_connection_post_layernorm": True}, "apply_residual_connection_post_layernorm: true"),
        ("opt", {"_remove_final_layer_norm": True}, "_remove_final_layer_norm: true can't be imported"),
        ("opt", {"layer_norm_elementwise_affine": False}, "layer_norm_elementwise_affine: false can't be imported"),
        ("opt", {"hidden_size": None}, "config.json: width: must be a whole number"),
    ],
)
def test_settings_that_we_have_not_are_named(name: str, changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    config = theirs_tiny(name).config.to_dict() | changes
    with pytest.raises(UsageError, match=said) as caught:
        shapes.read_config(config, "config.json")
    assert "\n" not in str(caught.value)


def test_folders_that_are_no_model_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such folder; name one with config\.json"):
        import_model(tmp_path / "nowhere", tmp_path / "in")
    model = theirs_tiny("opt")
    model.save_pretrained(tmp_path / "theirs")
    path = tmp_path / "theirs/model.safetensors"
    held = load_file(path)
    path.unlink()
    torch.save(model.state_dict(), tmp_path / "theirs/pytorch_model.bin")
    with pytest.raises(InputError, match=r"pytorch_model.bin is a pickle.*take the model's safetensors, or convert it"):
        import_model(tmp_path / "theirs", tmp_path / "in")
    name = "model.decoder.layers.1.fc1.weight"
    for changed, said in [
        ({k: v for k, v in held.items() if k != name}, f"{name} is missing"),
        (held | {name: held[name][:-1].contiguous()}, rf"{name} is \[47, 32\], which is not the shape"),
        (
            held | {"model.decoder.layers.2.fc1.bias": torch.zeros(48)},
            "model.decoder.layers.2.fc1.bias has no counterpart",
        ),
    ]:
        save_file(changed, path)
        with pytest.raises(InputError, match=said):
            import_model(tmp_path / "theirs", tmp_path / "in")
    path.write_bytes(b"not safetensors")
    with pytest.raises(InputError, match=r"model.safetensors: can't be read"):
        import_model(tmp_path / "theirs", tmp_path / "in")
    with pytest.raises(InputError, match=r"manifest.json: does not exist; a finished `dataprep import` writes it"):
        load_imported(tmp_path / "theirs")
    assert not (tmp_path / "in").exists()


# ---------------------------------------------------------------- the commands


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder as the training loop writes it, with checkpoints after 0 and 5 steps of an untrained model."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATAPREP_HOME", str(folder / "home"))
        settings = training_runs.load(training_runs.write_settings(folder, training_runs.write_mix(folder)))
        reader = open_reader(settings.mix)
        model = model_of({**training_runs.MODEL, "vocab_size": 512, "context": 16})
        root = Path(settings.output)
        made = record.describe_run(root, settings, model.config, 1, reader) | record.keep_tokenizer(
            root, reader, load(reader.tokenizer_file())
        )
        Store(str(root)).publish_json(manifest.MANIFEST, made)
        checkpoints = Checkpoints(root, settings.checkpoint)
        for step in (0, 5):
            state = {"step": step, "sampler": reader.state.to_json()}
            checkpoints.save(step, tensors(model), state, wait=True)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter *= 1.1
    return root


@pytest.fixture
def say(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[str], str]:
    """Type a command, in this process: what it prints."""
    monkeypatch.setenv("DATAPREP_HOME", str(run.parent / "home"))

    def typed(line: str) -> str:
        capsys.readouterr()
        commands.main(shlex.split(line), standalone_mode=False)
        return capsys.readouterr().out

    return typed


def test_a_run_is_exported_imported_and_evaluated(run: Path, tmp_path: Path, say: Callable[[str], str]) -> None:
    told = say(f"export {run} --to hf --output {tmp_path}/hf")
    assert told.startswith(f"{tmp_path}/hf: LlamaForCausalLM, fp32\nfiles      config.json, generation_config.json")
    assert "tokenizer.model, tokenizer.json (the same ids on" in told
    newest = open_run(run).load_model()
    of = tokens(newest.config)
    torch.testing.assert_close(logits(theirs(tmp_path / "hf"), of), logits(newest, of), atol=1e-4, rtol=0)
    assert export_run(open_run(run), tmp_path / "earlier", step=0).architecture == "LlamaForCausalLM"
    first = theirs(tmp_path / "earlier")
    torch.testing.assert_close(logits(first, of), logits(open_run(run).load_model(0), of), atol=1e-4, rtol=0)
    assert (logits(first, of) - logits(newest, of)).abs().max() > 0.1

    made = json.loads(say(f"import {tmp_path}/hf --output {tmp_path}/back --json"))
    assert made["architecture"] == "LlamaForCausalLM"
    assert ModelConfig.model_validate(made["model"]) == load_imported(tmp_path / "back")[0]

    found = json.loads(say(f"evaluate {run} --json"))
    count = token_bytes(load(open_run(run).tokenizer_file))
    expected = losses(newest, held_out(open_reader(open_run(run).mix)), count, rows=3, max_rows=None, device="cpu")
    assert list(found) == list(expected) == ["web", "books"]
    for name, one in expected.items():
        assert found[name] == pytest.approx(one, rel=1e-6)


def test_evaluate_prints_a_table_and_names_what_does_not_fit(run: Path, say: Callable[[str], str]) -> None:
    web, other = run.parent / "web", run.parent / "other"
    head, line = say(f"evaluate {run} --manifest {web} --split train --max-rows 2 --step 0").splitlines()
    assert head.split() == ["source", "loss", "perplexity", "bits", "per", "byte", "tokens", "bytes"]
    assert line.split()[0] == str(web)
    assert line.split()[4] == "32"  # two rows of 16
    write_tokens(other, [[50]], vocab_size=512, tokenizer=b"another")
    with pytest.raises(InputError, match="other: its tokens were made with another tokenizer than the run's"):
        say(f"evaluate {run} --manifest {other}")
    write_tokens(other, [[50]], vocab_size=512, tokenizer=example_tokenizer().read_bytes())
    with pytest.raises(InputError, match="other: no validation documents to predict; set tokenize's validation"):
        say(f"evaluate {run} --manifest {other}")
    with pytest.raises(InputError, match="no such checkpoint; steps that are kept: 0, 5"):
        say(f"evaluate {run} --step 3")
    with pytest.raises(UsageError, match="--task: name the folder that holds it with --tasks FOLDER"):
        say(f"evaluate {run} --task some")


@pytest.mark.filterwarnings("ignore")  # those of libraries that lm-eval loads
def test_evaluate_runs_tasks(
    run: Path, tmp_path: Path, say: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "rolling.yaml").write_text(
        "task: rolling\ndataset_path: json\ndataset_kwargs: {data_files: {test: some.jsonl}}\ntest_split: test\n"
        'output_type: loglikelihood_rolling\ndoc_to_text: ""\ndoc_to_target: "{{text}}"\n'
        "metric_list: [{metric: bits_per_byte}]\n"
    )
    (tmp_path / "some.jsonl").write_text('{"text": "The people walk."}\n{"text": "to the river"}\n')
    head, line = say(f"evaluate {run} --tasks {tmp_path} --task rolling").splitlines()
    assert head.split() == ["task", "metric", "value", "±"]
    assert line.split()[:2] == ["rolling", "bits_per_byte"]
    found = json.loads(say(f"evaluate {run} --tasks {tmp_path} --json"))  # all of them
    assert f"{found['rolling']['bits_per_byte,none']:.4f}" == line.split()[2]
