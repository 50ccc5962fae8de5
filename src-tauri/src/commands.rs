//! What a window may ask of the engine. Each command takes state, calls the engine, maps the error; which window may
//! call which is in `capabilities/`.

mod audit;
pub(crate) mod hosts;
mod login;
mod record;
mod review;
mod rules;
mod settings;

use crate::error::CommandError;

type Answer<T> = Result<T, CommandError>;

/// Registers all commands.
pub(crate) fn register<R: tauri::Runtime>(builder: tauri::Builder<R>) -> tauri::Builder<R> {
    builder.invoke_handler(tauri::generate_handler![
        review::review_list,
        review::review_get,
        review::review_shown,
        review::review_act,
        review::review_outgoing,
        review::review_opinion,
        review::review_deny_all,
        review::review_mute,
        review::review_block,
        review::review_forget_denials,
        settings::servers_list,
        settings::server_save,
        settings::server_remove,
        settings::server_restart,
        settings::server_set_enabled,
        settings::server_test,
        login::server_login,
        login::server_login_open,
        login::server_login_cancel,
        login::server_logout,
        settings::server_pin,
        settings::server_approve,
        settings::confinement_test,
        settings::held_change,
        settings::held_accept,
        settings::held_refuse,
        settings::server_offers,
        record::server_record,
        record::server_record_save,
        record::server_record_renew,
        record::server_record_text,
        record::server_record_file,
        record::server_risk,
        record::server_risk_save,
        record::limits_list,
        record::limits_save,
        settings::call_start,
        settings::calls_list,
        settings::call_cancel,
        settings::models_list,
        settings::providers_list,
        settings::model_save,
        settings::model_remove,
        settings::model_set_default,
        settings::model_test,
        settings::find_local_models,
        hosts::hosts_list,
        hosts::host_add,
        hosts::host_save,
        hosts::host_remove,
        hosts::known_hosts,
        hosts::other_host,
        hosts::host_plan,
        hosts::host_connect,
        hosts::host_undo_plan,
        hosts::host_undo,
        hosts::import_look,
        hosts::import_take,
        rules::rules_list,
        rules::rule_read,
        rules::rule_try,
        rules::rule_propose,
        rules::rule_save,
        rules::rule_set_enabled,
        rules::rule_remove,
        settings::grants_list,
        settings::grant_revoke,
        settings::grants_revoke_all,
        settings::status,
        settings::set_paused,
        settings::general_get,
        settings::general_save,
        settings::open_window,
        audit::audit_list,
        audit::audit_facets,
        audit::audit_changes,
        audit::audit_show,
        audit::audit_verify,
    ])
}
