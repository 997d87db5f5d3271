#include "identity/crypto/openssl.hpp"

#include <array>

namespace fairstream::identity::crypto::openssl {

std::string reason(std::string_view what) {
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    std::string text(what);
    if (code != 0) {
        std::array<char, 256> buffer{};
        ERR_error_string_n(code, buffer.data(), buffer.size());
        text += ": ";
        text += buffer.data();
    }
    return text;
}

Bio reader(std::string_view text) {
    return Bio(must(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))));
}

Bio writer() {
    return Bio(must(BIO_new(BIO_s_secmem())));
}

std::string written(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace fairstream::identity::crypto::openssl
