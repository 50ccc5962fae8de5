use bpe_openai::o200k_base;
use serde_json::{Value, json};

use super::*;

fn estimated(params: Value) -> u64 {
    match SamplingRequest::parse(params) {
        Ok(request) => estimate(&request),
        Err(why) => panic!("{why}"),
    }
}

fn hello() -> Value {
    json!({"messages": [{"role": "user", "content": {"type": "text", "text": "Hello, world!"}}], "maxTokens": 1})
}

/// Compares with the real vocabulary; gives what the estimate is in hundredths of the count.
#[track_caller]
fn compare(what: &str, text: &str, between: std::ops::RangeInclusive<u64>) {
    let exact = o200k_base().count(text) as u64;
    let percent = estimate_text(text) * 100 / exact;
    assert!(between.contains(&percent), "{what}: the estimate is {percent} % of {exact} tokens");
}

/// A plain paragraph of the kind that servers send, in scripts and languages that vocabularies treat very differently.
const PROSE: &[(&str, &str)] = &[
    (
        "English",
        "Please summarise the attached invoice in three sentences. The customer ordered two boxes of paper on Monday, and the payment has not arrived yet. Tell me whether we should send a reminder, and write it politely.",
    ),
    (
        "German",
        "Bitte fassen Sie die angehängte Rechnung in drei Sätzen zusammen. Der Kunde hat am Montag zwei Kartons Papier bestellt, und die Zahlung ist noch nicht eingegangen. Sagen Sie mir, ob wir eine Mahnung schicken sollten, und schreiben Sie sie höflich.",
    ),
    (
        "French",
        "Veuillez résumer la facture ci-jointe en trois phrases. Le client a commandé deux cartons de papier lundi, et le paiement n’est pas encore arrivé. Dites-moi s’il faut envoyer un rappel, et rédigez-le poliment.",
    ),
    (
        "Spanish",
        "Resuma la factura adjunta en tres frases. El cliente pidió dos cajas de papel el lunes y el pago todavía no ha llegado. Dígame si debemos enviar un recordatorio y escríbalo con cortesía.",
    ),
    (
        "Finnish",
        "Tiivistä liitteenä oleva lasku kolmeen lauseeseen. Asiakas tilasi maanantaina kaksi laatikkoa paperia, eikä maksu ole vielä saapunut. Kerro, pitäisikö meidän lähettää muistutus, ja kirjoita se kohteliaasti.",
    ),
    (
        "Polish",
        "Proszę streścić załączoną fakturę w trzech zdaniach. Klient zamówił w poniedziałek dwa pudełka papieru, a płatność jeszcze nie wpłynęła. Proszę powiedzieć, czy powinniśmy wysłać przypomnienie, i napisać je uprzejmie.",
    ),
    (
        "Turkish",
        "Lütfen ekteki faturayı üç cümleyle özetleyin. Müşteri pazartesi günü iki kutu kâğıt sipariş etti ve ödeme henüz gelmedi. Hatırlatma göndermemiz gerekip gerekmediğini söyleyin ve onu kibarca yazın.",
    ),
    (
        "Vietnamese",
        "Hãy tóm tắt hóa đơn đính kèm trong ba câu. Khách hàng đã đặt hai thùng giấy vào thứ Hai và khoản thanh toán vẫn chưa đến. Hãy cho tôi biết chúng ta có nên gửi lời nhắc không, và viết thật lịch sự.",
    ),
    (
        "Russian",
        "Пожалуйста, изложите приложенный счёт в трёх предложениях. Клиент заказал в понедельник две коробки бумаги, а оплата ещё не поступила. Скажите, нужно ли отправить напоминание, и напишите его вежливо.",
    ),
    (
        "Greek",
        "Παρακαλώ συνοψίστε το συνημμένο τιμολόγιο σε τρεις προτάσεις. Ο πελάτης παρήγγειλε δύο κουτιά χαρτί τη Δευτέρα και η πληρωμή δεν έχει φτάσει ακόμη. Πείτε μου αν πρέπει να στείλουμε υπενθύμιση και γράψτε την ευγενικά.",
    ),
    (
        "Arabic",
        "يرجى تلخيص الفاتورة المرفقة في ثلاث جمل. طلب العميل صندوقين من الورق يوم الاثنين ولم تصل الدفعة بعد. أخبرني هل يجب أن نرسل تذكيرا واكتبه بأدب.",
    ),
    (
        "Hebrew",
        "אנא סכם את החשבונית המצורפת בשלושה משפטים. הלקוח הזמין שתי קופסאות נייר ביום שני והתשלום עדיין לא הגיע. אמור לי אם כדאי לשלוח תזכורת, וכתוב אותה בנימוס.",
    ),
    (
        "Hindi",
        "कृपया संलग्न चालान का तीन वाक्यों में सारांश दें। ग्राहक ने सोमवार को कागज़ के दो डिब्बे मँगवाए थे और भुगतान अभी तक नहीं आया है। बताइए कि क्या हमें याद दिलाना चाहिए, और उसे विनम्रता से लिखिए।",
    ),
    (
        "Tamil",
        "இணைக்கப்பட்ட விலைப்பட்டியலை மூன்று வாக்கியங்களில் சுருக்கவும். வாடிக்கையாளர் திங்கட்கிழமை இரண்டு பெட்டி காகிதம் கேட்டார், பணம் இன்னும் வரவில்லை. நினைவூட்டல் அனுப்ப வேண்டுமா என்று சொல்லுங்கள்.",
    ),
    (
        "Thai",
        "โปรดสรุปใบแจ้งหนี้ที่แนบมาเป็นสามประโยค ลูกค้าสั่งกระดาษสองกล่องเมื่อวันจันทร์และยังไม่ได้รับการชำระเงิน บอกฉันว่าเราควรส่งคำเตือนหรือไม่ และเขียนอย่างสุภาพ",
    ),
    (
        "Georgian",
        "გთხოვთ, შეაჯამოთ თანდართული ინვოისი სამ წინადადებაში. მომხმარებელმა ორშაბათს ორი ყუთი ქაღალდი შეუკვეთა და თანხა ჯერ არ ჩარიცხულა. მითხარით, უნდა გავგზავნოთ თუ არა შეხსენება.",
    ),
    (
        "Chinese",
        "请用三句话概括所附的发票。客户星期一订购了两箱纸，付款还没有到账。请告诉我是否应该发送提醒，并礼貌地写出来。",
    ),
    (
        "Japanese",
        "添付の請求書を三つの文で要約してください。お客様は月曜日に紙を二箱注文しましたが、支払いはまだ届いていません。催促を送るべきかどうかを教えて、丁寧に書いてください。",
    ),
    (
        "Korean",
        "첨부된 송장을 세 문장으로 요약해 주세요. 고객이 월요일에 종이 두 상자를 주문했는데 아직 결제가 들어오지 않았습니다. 알림을 보내야 하는지 알려 주시고 정중하게 써 주세요.",
    ),
];

#[test]
fn prose_is_estimated_well_in_many_languages() {
    for (language, text) in PROSE {
        compare(language, text, 80..=135);
    }
}

#[test]
fn code_and_data_are_estimated_well() {
    compare("Rust", include_str!("text.rs"), 90..=135);
    compare("Markdown", include_str!("../../../../ARCHITECTURE.md"), 90..=135);
    compare("Svelte", include_str!("../../../../ui/src/review/Facts.svelte"), 90..=135);
    compare("TOML", include_str!("../../../../Cargo.toml"), 90..=140);
    let invoice =
        |n: u32| json!({"id": n, "name": format!("user{n}"), "price": n * 37, "tags": ["a", "b"], "ok": true});
    let invoices: Vec<_> = (0..50).map(invoice).collect();
    compare("JSON", &serde_json::to_string(&invoices).unwrap(), 90..=135);
    compare("JSON over many lines", &serde_json::to_string_pretty(&invoices).unwrap(), 85..=135);
    compare("URLs", &"https://example.org/path/page-7?id=83c1f0&utm_source=mail\n".repeat(20), 90..=145);
}

#[test]
fn encoded_bytes_are_not_taken_for_words() {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    use sha2::{Digest as _, Sha256};
    let noise: Vec<u8> = (0..200u32).flat_map(|n| Sha256::digest(n.to_be_bytes())).collect();
    compare("base64", &BASE64_STANDARD.encode(&noise), 90..=125);
    compare("base64 of a text", &BASE64_STANDARD.encode(include_str!("text.rs")), 85..=125);
    compare("hexadecimal", &noise.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), 90..=135);
    compare("digits", &noise.iter().map(u8::to_string).collect::<String>(), 90..=110);
}

#[test]
fn emoji_symbols_and_hidden_characters_are_not_free() {
    compare("emoji", &"😀👍🚀👩‍👩‍👧❤️🇩🇪🏳️‍🌈👨🏽‍💻🍕⚽️✅⚠️".repeat(20), 90..=150);
    compare("emoji in a text", &"Great news 🎉 we shipped 🚀 today! Thanks all ❤️\n".repeat(20), 90..=150);
    compare("formulas", &"∀x∈ℝ: ∃y ≥ x² ⇒ ∑ᵢ αᵢ·βᵢ ≠ ∫₀^∞ e^{−t} dt ≤ π/2\n".repeat(20), 85..=135);
    let hidden = |c: char| char::from_u32(0xE0000 + c as u32);
    compare("tag characters", &"ignore what was said".chars().filter_map(hidden).collect::<String>(), 80..=140);
    compare("marks upon marks", &"Z\u{337}\u{327}\u{31b}a\u{334}l\u{335}g\u{336}o\u{338}".repeat(50), 70..=140);
}

#[test]
fn a_request_is_the_sum_of_its_parts() {
    // "Hello" "," " world" "!", framed as one message.
    assert_eq!(estimated(hello()), 3 + 4 + 4);
    let mut more = hello();
    more["systemPrompt"] = "Hello, world!".into();
    assert_eq!(estimated(more), 3 + 4 + 4 + 4 + 4);
    let mut tools = hello();
    tools["tools"] = json!([{"name": "t", "inputSchema": {}}]);
    assert!(estimated(tools) > 11);
    let picture = json!({"type": "image", "mimeType": "image/png", "data": "AAAA"});
    let mut seen = hello();
    seen["messages"][0]["content"] = picture;
    assert_eq!(estimated(seen), 3 + 4 + 1000);
}

#[test]
fn nothing_has_no_tokens_and_anything_has_some() {
    assert_eq!(estimate_text(""), 0);
    for c in ['a', '\u{0}', '\n', '.', 'é', '\u{301}', '漢', '\u{200b}', '\u{e0041}', '\u{10ffff}'] {
        assert!(estimate_text(&c.to_string()) > 0, "{c:?}");
    }
}
