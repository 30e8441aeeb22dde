"""Control tokens of the model families that SGLang serves, written down from their tokenizers' files, not from ours."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "DeepSeek": (
        *(
            "<｜begin▁of▁sentence｜>",
            "<｜end▁of▁sentence｜>",
            "<｜▁pad▁｜>",
            "<｜User｜>",
            "<｜Assistant｜>",
            "<|EOT|>",
        ),
        *("<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>", "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
        *("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>"),
        *("<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>", "<｜tool▁sep｜>", "<｜place▁holder▁no▁7｜>"),
        *("<think>", "</think>", "<｜search▁begin｜>", "<｜DSML｜>"),
    ),
    "Qwen": (
        *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|object_ref_start|>", "<|vision_start|>", "<|image_pad|>"),
        *("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<|fim_prefix|>", "<|repo_name|>"),
    ),
    "Llama": (
        *(
            "<|begin_of_text|>",
            "<|end_of_text|>",
            "<|start_header_id|>",
            "<|end_header_id|>",
            "<|eot_id|>",
            "<|eom_id|>",
        ),
        *("<|python_tag|>", "<|reserved_special_token_12|>", "<|header_start|>", "[INST]", "[/INST]", "<<SYS>>"),
        *("<</SYS>>", "<s>", "</s>", "<unk>"),
    ),
    "Mistral": (
        *("[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]"),
        *("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]", "[THINK]", "[/THINK]"),
    ),
    "later Gemma": ("<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|think|>", "<|tool_call>"),
    "called functions": ("<function=", "<parameter=", '<invoke name="', "<arg_key>", "</arg_value>"),
    "Mistral's others": ("[CALL_ID]", "[IMG_BREAK]", "[IMG_END]", "[MODEL_SETTINGS]", "[ARGS]{"),
    "InternLM": ("<eoh>", "<eoa>", "<|action_end|>", "<TOKENS_UNUSED_1>"),
    "Gemma": ("<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>", "<pad>", "<start_of_image>", "<unused7>"),
    "GPT-OSS": ("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|return|>", "<|call|>"),
    "Phi": ("<|system|>", "<|user|>", "<|assistant|>", "<|im_sep|>", "<|tool|>", "<|/tool|>", "<|dummy_85|>"),
    "Command": (
        *("<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>", "<|CHATBOT_TOKEN|>"),
        *("<|START_THINKING|>", "<|START_ACTION|>", "<BOS_TOKEN>"),
    ),
    "GLM": ("[gMASK]", "<sop>", "<|observation|>", "<|begin_of_image|>", "<|code_end|>"),
    "Kimi": ("<|tool_calls_section_begin|>", "<|tool_call_argument_begin|>", "<|im_middle|>", "[EOS]", "[BOS]"),
    "others": (
        *("<[begin▁of▁sentence]>", "<seed:think>", "<seed:tool_call>", "<minimax:tool_call>", "]~b]", "]~!b[", "[e~["),
        *("<fim_prefix>", "<fim_middle>", "<extra_id_0>", "<reserved_106>", "<|0.00|>", "<|en|>", "<|start_of_role|>"),
        *("<|action_start|>", "<｜hy_User｜>", "<|startoftext|>", "<function_calls>"),
    ),
}
TOKENS = tuple(token for tokens in FAMILIES.values() for token in tokens)
