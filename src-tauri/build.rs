//! Tells Tauri where the capabilities are (its app directory is the repository root, the sources are in `src-tauri`)
//! and which commands there are, so that each window's capability can allow just its own.

const COMMANDS: &[&str] = &[
    "review_list",
    "review_get",
    "review_shown",
    "review_act",
    "review_outgoing",
    "review_opinion",
    "review_deny_all",
    "review_mute",
    "review_block",
    "review_forget_denials",
    "servers_list",
    "server_save",
    "server_remove",
    "server_restart",
    "server_set_enabled",
    "server_test",
    "server_login",
    "server_login_open",
    "server_login_cancel",
    "server_logout",
    "server_pin",
    "server_approve",
    "confinement_test",
    "held_change",
    "held_accept",
    "held_refuse",
    "server_offers",
    "server_record",
    "server_record_save",
    "server_record_renew",
    "server_record_text",
    "server_record_file",
    "server_risk",
    "server_risk_save",
    "limits_list",
    "limits_save",
    "call_start",
    "calls_list",
    "call_cancel",
    "models_list",
    "providers_list",
    "model_save",
    "model_remove",
    "model_set_default",
    "model_test",
    "find_local_models",
    "rules_list",
    "rule_read",
    "rule_try",
    "rule_propose",
    "rule_save",
    "rule_set_enabled",
    "rule_remove",
    "grants_list",
    "grant_revoke",
    "grants_revoke_all",
    "audit_list",
    "audit_facets",
    "audit_changes",
    "audit_show",
    "audit_verify",
    "status",
    "set_paused",
    "general_get",
    "general_save",
    "open_window",
];

fn main() {
    println!("cargo:rerun-if-changed=src-tauri/capabilities");
    let attributes = tauri_build::Attributes::new()
        .capabilities_path_pattern("./src-tauri/capabilities/**/*")
        .app_manifest(tauri_build::AppManifest::new().commands(COMMANDS));
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo:warning={error:#}");
        std::process::exit(1);
    }
}
