import type { DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import type { Item } from "../../src/lambda/timer.ts";

/** A record of the table's stream, in the shape that Lambda hands over. `by` = who removed the item. */
export function streamRecord(
  item: Item,
  eventName: "INSERT" | "MODIFY" | "REMOVE" = "REMOVE",
  by: "time to live" | "a user" = "time to live",
  sequence = "100",
): DynamoDBRecord {
  return {
    eventID: "c4ca4238a0b923820dcc509a6f75849b",
    eventName,
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    awsRegion: "eu-west-1",
    dynamodb: {
      Keys: { user: item["user"], ak: item["ak"] } as never, // of the shape that is checked
      OldImage: item as never,
      SequenceNumber: sequence,
      SizeBytes: 120,
      StreamViewType: "OLD_IMAGE",
    },
    eventSourceARN: "arn:aws:dynamodb:eu-west-1:111122223333:table/iam-key-rotator/stream/2026-01-05T08:00:00.000",
    ...(by === "time to live" ? { userIdentity: { type: "Service", principalId: "dynamodb.amazonaws.com" } } : {}),
  };
}

export const streamEvent = (...records: readonly DynamoDBRecord[]): DynamoDBStreamEvent => ({ Records: [...records] });
