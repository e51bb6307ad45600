#include "tls_records.h"

#include <errno.h>
#include <string.h>

#include <algorithm>

namespace handoff {

namespace {

// The longest body of a record: RFC 8446 5.2, and for TLS 1.2 that of OpenSSL
// (SSL3_RT_MAX_ENCRYPTED_LENGTH without compression).
constexpr size_t kMaxBody13 = kMaxPlaintext + 256;
constexpr size_t kMaxBody12 = kMaxPlaintext + 320;

// Records without data in a row, as OpenSSL (MAX_EMPTY_RECORDS): each costs this process more than
// its sender.
constexpr int kMaxEmptyRecords = 32;

constexpr uint8_t kAlertType = 21;

// RFC 8446 6, with the reasons of openssl/sslerr.h.
constexpr Refusal kBadRecordMac = {20, 281};
constexpr Refusal kBadRecordType = {10, 443};
constexpr Refusal kBadLength = {10, 271};
constexpr Refusal kTooManyEmptyRecords = {10, 298};
constexpr Refusal kBodyTooLong = {22, 150};
constexpr Refusal kDataTooLong = {22, 146};
constexpr Refusal kWrongVersion13 = {50, 267};
constexpr Refusal kWrongVersion12 = {70, 267};
constexpr Refusal kInternalError = {80, 259};  // ERR_R_INTERNAL_ERROR

size_t BodyLength(const uint8_t* header) { return header[3] << 8 | header[4]; }

}  // namespace

TlsRecords::TlsRecords(const Suite& suite, const TlsSecrets& secrets)
    : suite_(suite),
      server_(secrets.server != 0),
      owes_key_update_(secrets.owes_key_update != 0),
      read_(suite, secrets.read, false),
      write_(suite, secrets.write, true) {}

// In the order of OpenSSL: the alert depends on it.
Refusal TlsRecords::CheckHeader(const uint8_t* header) const {
  bool tls13 = suite_.version == kTls13;
  if (tls13 && header[0] != kApplicationData) return kBadRecordType;
  if (header[1] != 3 || header[2] != 3) return tls13 ? kWrongVersion13 : kWrongVersion12;
  return BodyLength(header) > (tls13 ? kMaxBody13 : kMaxBody12) ? kBodyTooLong : Refusal();
}

Refusal TlsRecords::OpenOne(uint8_t* record, size_t size, uint8_t* type, Bytes* text) {
  uint8_t* body = record + kRecordHeader;
  size_t body_length = size - kRecordHeader;
  int offset = read_.Open(record, body, body_length);
  if (offset == -EBADMSG) return kBadRecordMac;
  if (offset < 0) return kInternalError;
  *type = record[0];
  *text = {body + offset, body_length - read_.Overhead()};
  if (suite_.version == kTls13) {
    // The content type comes after the data, and zeros after it (RFC 8446 5.2).
    size_t end = text->length;
    while (end > 0 && text->data[end] == 0) end--;
    *type = text->data[end];
    text->length = end;
    if (*type < kAlertType || *type > kApplicationData) return kBadRecordType;
    if (end == 0 && *type != kApplicationData) return kBadLength;
  }
  if (text->length > kMaxPlaintext) return kDataTooLong;
  empty_records_ = text->length > 0 ? 0 : empty_records_ + 1;
  return empty_records_ > kMaxEmptyRecords ? kTooManyEmptyRecords : Refusal();
}

Opened TlsRecords::Open(uint8_t* bytes, size_t length) {
  Opened opened;
  while (length - opened.consumed >= kRecordHeader) {
    uint8_t* record = bytes + opened.consumed;
    opened.refusal = CheckHeader(record);
    if (opened.refusal.alert != 0) break;
    size_t size = kRecordHeader + BodyLength(record);
    if (length - opened.consumed < size) {
      opened.begun = size;
      break;
    }
    uint8_t type;
    Bytes text;
    opened.refusal = OpenOne(record, size, &type, &text);
    if (opened.refusal.alert != 0) break;
    opened.consumed += size;
    size_t offset = static_cast<size_t>(text.data - bytes);
    if (type != kApplicationData) {
      opened.type = type;
      opened.other = {offset, text.length};
      break;
    }
    // Moves the data up to that of the record before, so that the reader gets one piece.
    if (opened.data.length == 0) {
      opened.data = {offset, text.length};
    } else {
      memmove(bytes + opened.data.offset + opened.data.length, text.data, text.length);
      opened.data.length += text.length;
    }
  }
  return opened;
}

size_t TlsRecords::SealedSize(size_t length) const {
  size_t records = std::max<size_t>(1, (length + kMaxPlaintext - 1) / kMaxPlaintext);
  return length + records * (kRecordHeader + write_.Overhead());
}

int64_t TlsRecords::Seal(uint8_t type, const Bytes* parts, size_t count, uint8_t* out,
                         size_t capacity) {
  size_t left = 0;
  for (size_t i = 0; i < count; i++) left += parts[i].length;
  if (SealedSize(left) > capacity) return -ENOBUFS;
  size_t written = 0;
  size_t offset = 0;
  do {
    size_t length = std::min(left, kMaxPlaintext);
    int size = write_.Seal(type, parts, offset, length, out + written);
    if (size < 0) return size;
    written += size;
    left -= length;
    // To the part in which the next record begins.
    for (offset += length; left > 0 && offset >= parts->length; parts++) offset -= parts->length;
  } while (left > 0);
  return static_cast<int64_t>(written);
}

void TlsRecords::Export(TlsSecrets* secrets) const {
  *secrets = {};
  secrets->version = suite_.version;
  secrets->suite = suite_.id;
  secrets->server = server_;
  secrets->owes_key_update = owes_key_update_;
  secrets->read = read_.direction();
  secrets->write = write_.direction();
}

}  // namespace handoff
